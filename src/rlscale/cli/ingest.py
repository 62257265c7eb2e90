"""`rlscale ingest FILE...`: other trainers' logs become curves.csv, in the small environment."""

import argparse
import gc
import sys
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("files", nargs="*", help="logs, one run each, or of several runs; docs/ingest.md")
    add("--format", help="a format of docs/ingest.md; left out, the files are looked at")
    add(
        "--map", nargs="+", action="extend", default=[], metavar="COLUMN=EXPRESSION",
        help="what fills a column of curves.csv: 'loss=1 - val/acc', 'tokens=cumulative tok'",
    )  # fmt: skip
    add(
        "--set", nargs="+", action="extend", default=[], metavar="COLUMN=VALUE",
        help="a column that is the same everywhere: model=qwen-7b, n_params_nominal=7e9, seed=1",
    )  # fmt: skip
    add(
        "--run-pattern", default="", metavar="REGEX",
        help="named groups are columns, of the run's name, else of the path",
    )  # fmt: skip
    add(
        "--run-columns", nargs="+", default=[], metavar="NAME",
        help="columns of a wide table that hold a run each; their values are called 'value'",
    )  # fmt: skip
    add(
        "--runs", type=Path, metavar="TABLE.csv",
        help="a table with a column run (its name, or the file as given) and what holds for each",
    )  # fmt: skip
    add("--entity", help="with --project: the runs of a project on W&B's server")
    add("--project", help="name of the project; its runs' histories are kept in wandb-runs/")
    add("--mapping", type=Path, help="the settings of an earlier call; options here go before them")
    add("--study", default="runs", help="name of the study that the curves are to belong to")
    add("--output", type=Path, default=Path("curves.csv"))
    add("--yes", action="store_true", help="write without asking")


def run(arguments: argparse.Namespace) -> None:
    """Read, show what came of it, and write the curves, the mapping and the notes."""
    import yaml

    from rlscale.core.files import write_text
    from rlscale.core.tables import write_curves
    from rlscale.curves.ingest import read_runs
    from rlscale.curves.intake import intake_page
    from rlscale.report.intake_page import intake_html

    gc.disable()  # rows of logs have no cycles, and looking for some takes a sixth of the time
    settings, root = _settings(arguments)
    intake = read_runs(settings, arguments.study, root)
    page = intake_page(intake, settings)
    print(page)
    if not arguments.yes and not _agreed(arguments.output):
        raise StudyError(f"{arguments.output} is not written; --yes accepts what stands above")
    write_curves(intake.table, arguments.output)
    mapping = arguments.output.with_suffix(".mapping.yaml")
    write_text(mapping, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    notes = arguments.output.with_suffix(".intake.txt")
    write_text(notes, page)
    write_text(notes.with_suffix(".html"), intake_html(intake, settings))
    print(
        f"wrote {arguments.output}, {mapping} (an `ingest` section; --mapping), {notes} and .html"
    )


def _agreed(output: Path) -> bool:
    return sys.stdin.isatty() and input(f"write {output}? [y/N] ").strip().lower() in ("y", "yes")


def _settings(arguments: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    """The ``ingest`` section that the options say, and the folder that its paths refer to."""
    from rlscale.core.yaml_files import load
    from rlscale.curves.section import check_form

    settings: dict[str, Any] = {"files": {}}
    root = Path(".")
    if arguments.mapping:
        if not arguments.mapping.is_file():
            raise StudyError(f"{arguments.mapping}: there is no such mapping")
        said = load(arguments.mapping)
        check_form(said, str(arguments.mapping))
        settings |= said
        root = arguments.mapping.parent
    if arguments.entity or arguments.project:
        arguments.files += _fetched(arguments)
    if arguments.files:
        settings["files"] = {name: {} for name in arguments.files}
        root = Path(".")
    if not settings["files"]:
        raise StudyError("rlscale ingest: name the files to read, or a --mapping that names them")
    mapped = dict(map(_pair, arguments.map))
    constants = {name: _value(text) for name, text in map(_pair, arguments.set)}
    settings["columns"] = _without(settings.get("columns", {}), constants) | mapped
    settings["constants"] = _without(settings.get("constants", {}), mapped) | constants
    for key in ("run_pattern", "run_columns"):
        if getattr(arguments, key):
            settings[key] = getattr(arguments, key)
    if arguments.runs:
        _add_runs(settings, arguments.runs)
    first = root / next(iter(settings["files"]))
    settings["format"] = arguments.format or settings.get("format") or _format(first)
    if "loss" not in settings["columns"] and not settings.get("benchmarks"):
        _ask_for_loss(first, settings["format"])
    return settings, root


def _without(names: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """What an earlier call said and this one says otherwise is left out."""
    return {name: value for name, value in names.items() if name not in others}


def _fetched(arguments: argparse.Namespace) -> list[str]:
    from rlscale.curves.formats.wandb_api import fetch_runs

    if not (arguments.entity and arguments.project):
        raise StudyError("--entity and --project go together: entity/project, as W&B shows them")
    folder = Path("wandb-runs", arguments.entity, arguments.project)
    return [str(path) for path in fetch_runs(arguments.entity, arguments.project, folder)]


def _format(path: Path) -> str:
    from rlscale.curves.guess import guess_format

    return guess_format(path)


def _ask_for_loss(path: Path, form: str) -> None:
    from rlscale.curves.guess import loss_candidates
    from rlscale.curves.readers import CURVE_READERS

    table = CURVE_READERS.get(form)(path)
    found = loss_candidates(table) or "  none of its columns lies between 0 and 100"
    raise StudyError(f"{path}: say what the loss is by --map; read as {form}, it has\n{found}")


def _add_runs(settings: dict[str, Any], path: Path) -> None:
    """What a table says of each run: by its name in a file, or by the file."""
    from rlscale.curves.readers import read_table

    table = read_table(path)
    if "run" not in table.columns:
        raise StudyError(f"{path}: no column 'run'; it has {', '.join(map(str, table.columns))}")
    for row in table.to_dict("records"):
        known = {str(k): v for k, v in row.items() if k != "run" and v == v}
        name = str(row["run"])
        if name in settings["files"]:
            settings["files"][name] = known
        else:
            settings.setdefault("runs", {})[name] = known


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise StudyError(f"'{text}': the form is column=value")
    return name.strip(), value.strip()


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
