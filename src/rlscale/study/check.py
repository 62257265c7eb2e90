"""`rlscale check`: all that can be said against a configuration without running anything."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.tables import CURVE_COLUMNS
from rlscale.core.yaml_files import load
from rlscale.curves.mapping import unread_names
from rlscale.data.arithmetic import check_spaces
from rlscale.evaluation.benchmarks import BENCHMARKS
from rlscale.laws.one_setting import SETTINGS, mixed
from rlscale.study import grid
from rlscale.study.columns import missing_columns
from rlscale.study.estimates import unfit
from rlscale.study.foreseen import fitted_together, notes
from rlscale.study.names import check_names
from rlscale.study.schema import SCHEMA, near, schema_findings, with_defaults
from rlscale.study.settings import concerns
from rlscale.training.grpo_keys import FIXED, LOSSES, grpo_keys, grpo_types

Config = Mapping[str, Any]
_OWN_FILE = "own_file"


def refuse(config: Any, files: Iterable[str | Path]) -> None:
    """Refuse a configuration with all that is wrong with it, a line each.

    Args:
        config: As Snakemake read it.
        files: The files that it was read from.

    Raises:
        StudyError: There is something.
    """
    for file in files:
        load(file)
    found = findings(config, load(SCHEMA))
    if found:
        count = f"{len(found)} mistakes" if len(found) > 1 else "a mistake"
        raise StudyError(f"{count} in the configuration:\n" + "\n".join(f"  {s}" for s in found))


def show(path: Path, *, as_json: bool) -> int:
    """Print what is wrong with a configuration file, and which files it names that are not here.

    Returns:
        Exit status: 1 where the study is refused.
    """
    try:
        config = load(path)
        mistakes = findings(config, load(SCHEMA))
    except StudyError as error:
        config, mistakes = {}, [str(error)]
    absent = [] if mistakes else absent_files(config)
    foreseen = [] if mistakes else notes(with_defaults(config, load(SCHEMA)))
    if as_json:
        document = {"mistakes": mistakes, "absent": absent, "notes": foreseen}
        print(json.dumps(document, indent=2))
    else:
        for said in mistakes:
            print(said)
        for said in absent:
            print(f"note: {said}; it must be there before the study runs")
        for said in foreseen:
            print(f"note: {said}")
        if not mistakes:
            print(f"{path}: this study can run")
    return 1 if mistakes else 0


def findings(config: Any, schema: Mapping[str, Any]) -> list[str]:
    """All mistakes of a configuration, a sentence each; none where it can be run.

    What the schema refuses comes alone: the other checks read a configuration of its form.
    """
    refused = schema_findings(config, schema)
    if refused:
        return refused
    config = with_defaults(config, schema)
    found = [*_said_by(check_names, config)]
    if "ingest" in config:
        return found or list(unread_names(config["ingest"]))
    found += [said for check in _CHECKS for said in check(config)]
    found += [] if found else _said_by(grid.check, config)
    return found or [said for check in _CELL_CHECKS for said in check(config)]


def _said_by(check: Callable[[Config], None], config: Config) -> list[str]:
    try:
        check(config)
    except StudyError as error:
        return [str(error)]
    return []


def absent_files(config: Config) -> list[str]:
    """Files and folders that a configuration names and that are not here (yet)."""
    named: dict[str, str] = {}
    for name, entry in config.get("data", {}).items():
        for part in (entry, entry.get("held_out", {})):
            named |= dict.fromkeys(part.get("read", {}).get("files", []), f"data.{name}")
    for name, entry in config.get("benchmarks", {}).items():
        for key in ("path", "examples"):
            named |= {entry[key]: f"benchmarks.{name}.{key}"} if key in entry else {}
    for name, variants in config.get("models", {}).items():
        for variant in ("base", "instruct"):
            folder = variants.get(variant, {}).get("folder")
            named |= {folder: f"models.{name}.{variant}.folder"} if folder else {}
    named |= {path: f"report.{key}" for key, path in config.get("report", {}).items()}
    named |= {path: f"compare.{name}" for name, path in config.get("compare", {}).items()}
    return [f"{key}: {path} is not here" for path, key in named.items() if not _there(path)]


def _there(path: str) -> bool:
    return any(Path().glob(path)) if not Path(path).is_absolute() else Path(path).exists()


def _sweeps(config: Config) -> Iterator[str]:
    seen: set[str] = set()
    for sweep in config["sweeps"]:
        if sweep["name"] in seen:
            yield f"sweeps: the name '{sweep['name']}' is given twice; rename or remove one"
        seen.add(sweep["name"])


def _grpo(config: Config) -> Iterator[str]:
    known = grpo_keys()
    for name, recipe in config["recipes"].items():
        for key, value in recipe["grpo"].items():
            at = f"recipes.{name}.grpo.{key}"
            if key in FIXED:
                yield f"{at}: follows from other keys of the study; remove it"
            elif known and key not in known:
                yield f"{at}: TRL knows no such setting{_closest(key, known)}"
            elif known and not _fits_type(value, grpo_types()[key]):
                kinds = " or ".join(sorted(grpo_types()[key] - {"None"}))
                yield f"{at}: {value!r} is not what TRL takes there ({kinds})"
            elif key == "loss_type" and value not in LOSSES:
                yield f"{at}: TRL knows no loss {value!r}{near(str(value), LOSSES)}"


def _fits_type(value: Any, kinds: frozenset[str]) -> bool:
    """Whether a value is of one of the named types, where all of them are plain ones."""
    if value is None or not kinds <= {"int", "float", "str", "bool", "None"}:
        return True
    return type(value).__name__ in kinds or (isinstance(value, int) and "float" in kinds)


def _overrides(config: Config) -> Iterator[str]:
    known = grpo_keys()
    cells = [asdict(cell) for cell in grid.expand(config)]
    for number, override in enumerate(config["training"]["overrides"]):
        where = f"training.overrides.{number}"
        match = override["match"]
        if not any(all(cell[key] == match[key] for key in match) for cell in cells):
            yield f"{where}.match: no cell of the sweeps is meant by {match}"
        recipes = {key for recipe in config["recipes"].values() for key in recipe}
        for key in override["set"]:
            if known and key not in known | recipes:
                yield f"{where}.set.{key}: neither a recipe's key nor one of TRL's" + _closest(
                    key, known | recipes
                )


def _sections(config: Config) -> Iterator[str]:
    for variant, section in (("base", "pretraining"), ("instruct", "fine_tuning")):
        made = [
            name for name, model in config["models"].items() if "made" in model.get(variant, {})
        ]
        if made and section not in config:
            yield f"{section}: missing; models.{made[0]}.{variant} is made here and needs it"
    for name in config.get("pretraining", {}).get("unseen", []):
        if config["benchmarks"].get(name, {}).get("module", name) == "held_out":
            yield f"pretraining.unseen: '{name}': held-out problems are never learnt; leave it out"
        elif name not in config["benchmarks"]:
            near_names = near(name, config["benchmarks"])
            yield f"pretraining.unseen: no benchmark '{name}'{near_names}"


def _made(config: Config) -> Iterator[str]:
    """Heads of made models must divide their width."""
    for name, model in config["models"].items():
        made = model.get("base", {}).get("made", {})
        width, heads = made.get("hidden_size", 0), made.get("num_attention_heads", 1)
        if width % heads:
            yield (
                f"models.{name}.base.made.num_attention_heads: {heads} heads do not divide "
                f"hidden_size = {width}"
            )


def _files(config: Config) -> Iterator[str]:
    """Benchmarks of local files need them, and one alone has columns to name."""
    for name, entry in config["benchmarks"].items():
        module = entry.get("module", name)
        known = module in BENCHMARKS.names()  # A name that is not is said by the grid's check.
        if known and "path" not in entry and BENCHMARKS.get(module).columns:
            yield f"benchmarks.{name}: the key 'path' is missing; name its local file"
        if "columns" in entry and module != _OWN_FILE:
            yield (
                f"benchmarks.{name}.columns: the columns of {module} are its own; only "
                f"module {_OWN_FILE} takes others"
            )


def _resources(config: Config) -> Iterator[str]:
    for name in config["resources"]["models"]:
        if name not in config["models"]:
            yield f"resources.models.{name}: there is no such model{near(name, config['models'])}"


def _fits(config: Config) -> Iterator[str]:
    benchmarks = config["benchmarks"]
    fit, forecast = config["fit"], config["forecast"]
    if fit["benchmark"] not in benchmarks:
        name = fit["benchmark"]
        yield f"fit.benchmark: no benchmark '{name}'{near(name, benchmarks)}"
    metrics = {"loss", "response_length", *benchmarks}
    passes = {f"pass_at_{k}": k for k in config["evaluation"]["pass_at"]}
    samples = benchmarks.get(fit["benchmark"], {}).get("samples", math.inf)
    for name in fit["metrics"]:
        if passes.get(name, 0) > samples:
            yield f"fit.metrics: {name} needs {passes[name]} samples of a problem, not {samples}"
    fitted = [name for name in fit["metrics"] if name not in passes]
    for key, names in (("fit.metrics", fitted), ("forecast.metric", [forecast["metric"]])):
        for name in names:
            if name not in metrics:
                yield f"{key}: '{name}' is neither loss nor a benchmark{near(name, metrics)}"
    for column in fit["select"]:
        if column not in CURVE_COLUMNS:
            yield f"fit.select.{column}: not a column of curves.csv{near(column, CURVE_COLUMNS)}"


def _evaluation(config: Config) -> Iterator[str]:
    benchmarks = config["benchmarks"]
    for suite, weights in config["evaluation"]["suites"].items():
        for name in weights:
            if name not in benchmarks:
                yield f"evaluation.suites.{suite}: no benchmark '{name}'{near(name, benchmarks)}"
    for number, entry in enumerate(config["evaluation"]["top_up"]):
        name = entry["match"].get("benchmark")
        if name is not None and name not in benchmarks:
            yield f"evaluation.top_up.{number}: no benchmark '{name}'{near(name, benchmarks)}"


def _selected(config: Config) -> Iterator[str]:
    """What is selected for fits and forecasts must be there."""
    cells = [asdict(cell) for cell in grid.expand(config)]
    select = {key: _values(wanted) for key, wanted in config["fit"]["select"].items()}
    for key, wanted in select.items():
        if key in cells[0] and not any(cell[key] in wanted for cell in cells):
            there = ", ".join(map(str, sorted({cell[key] for cell in cells})))
            yield f"fit.select.{key}: no cell has {key} {wanted}; the sweeps have {there}"
            return
    chosen = [
        cell for cell in cells if all(cell[key] in select[key] for key in select if key in cell)
    ]
    sizes = {cell["model"] for cell in chosen}
    for name, protocol in config["forecast"]["protocols"].items():
        held_out = protocol.get("held_out_sizes", 1)
        # One size alone has no law over sizes: its cells can run, the fit says what is missing.
        if protocol["kind"] == "inter" and 1 < len(sizes) <= held_out:
            yield (
                f"forecast.protocols.{name}.held_out_sizes: {held_out} of {len(sizes)} selected "
                "sizes leave none to learn from"
            )


def one_setting(config: Config) -> Iterator[str]:
    """The curves of one fit must be of one setting, as the fit itself will ask."""
    for (_, variant), chosen in sorted(fitted_together(config).items()):
        values = {name: {cell[name] for cell in chosen} for name in SETTINGS}
        if said := mixed(variant, values, config["fit"]["size"]):
            yield f"fit.select: {said}"
            return


def _top_ups(config: Config) -> Iterator[str]:
    """More samples are for cells of the sweeps, at checkpoints that they keep."""
    cells = grid.expand(config)
    for number, entry in enumerate(config["evaluation"]["top_up"]):
        match = entry["match"]
        recipes = {cell.recipe for cell in cells if concerns(match, cell)}
        kept = sorted({step for name in recipes for step in config["recipes"][name]["checkpoints"]})
        if not recipes:
            yield f"evaluation.top_up.{number}: no cell of the sweeps is meant by {dict(match)}"
        elif str(match.get("step", kept[0])) not in map(str, kept):
            yield (
                f"evaluation.top_up.{number}.match.step: {match['step']} is no checkpoint of these "
                f"cells, which keep {', '.join(map(str, kept))}"
            )


def _strata(config: Config) -> Iterator[str]:
    """Every pass rate must belong to a stratum."""
    for name, entry in config["data"].items():
        strata = entry.get("strata")
        if strata and 0 not in strata.values():
            yield f"data.{name}.strata: none begins at 0; give the hardest the lowest pass rate 0"


def _lengths(config: Config) -> Iterator[str]:
    """Responses must fit into the context of models that are made here."""
    longest = {
        f"recipes.{name}.grpo.max_completion_length": recipe["grpo"].get("max_completion_length", 0)
        for name, recipe in config["recipes"].items()
    } | {"evaluation.max_tokens": config["evaluation"]["max_tokens"]}
    contexts = {
        name: model["base"]["made"]["max_position_embeddings"]
        for name, model in config["models"].items()
        if "made" in model.get("base", {})
    }
    if not contexts:
        return
    name = min(contexts, key=contexts.__getitem__)
    for key, tokens in longest.items():
        if tokens >= contexts[name]:
            yield f"{key}: {tokens} tokens do not fit into the context of {name}, {contexts[name]}"


def _spaces(config: Config) -> Iterator[str]:
    """Levels of generated sets must have spaces that are large enough."""
    for name, entry in config["data"].items():
        try:
            check_spaces(entry.get("generate", {}).get("levels", {}))
        except StudyError as error:
            yield f"data.{name}.generate.levels: {error}"


def _pools(config: Config) -> Iterator[str]:
    """Generated sets must have the problems that their splits and recipes take."""
    for cell in grid.expand(config):
        recipe = config["recipes"][cell.recipe]
        entry = config["data"][recipe["data"]]
        if "generate" not in entry:
            continue
        drawn = sum(level["problems"] for level in entry["generate"]["levels"].values())
        held_out = entry["held_out"].get("problems", 0)
        # Whatever tau is: a smaller tau's problems hold those of a larger one (`data.repeat`).
        total = recipe["steps"] * recipe["prompts_per_step"]
        if total + held_out > drawn:
            yield (
                f"data.{recipe['data']}: {drawn} problems are drawn, but {held_out} are held out "
                f"and recipes.{cell.recipe} draws from the first {total} ({recipe['steps']} steps "
                f"x {recipe['prompts_per_step']} prompts, for every tau); draw more"
            )
            return


def _values(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _closest(name: str, known: Iterable[str]) -> str:
    said = near(name, sorted(known))
    return said if "did you mean" in said else ""


_CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _sweeps, _grpo, _sections, _made, _spaces, _files, _resources, _fits, _evaluation, _strata,
    missing_columns,
)  # fmt: skip
_CELL_CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _overrides, _selected, one_setting, _lengths, _pools, _top_ups, unfit,
)  # fmt: skip
