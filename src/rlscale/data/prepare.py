"""The data stage as two steps: a clean set with its report, and variants of it for training."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas

from rlscale.core.errors import StudyError
from rlscale.core.files import write_json
from rlscale.core.labels import as_cell
from rlscale.core.manifests import Provenance, read_manifest, verify_files, write_manifest
from rlscale.data import arithmetic
from rlscale.data.clean import LOSS_COLUMNS, Cleaned, clean
from rlscale.data.files import data_files
from rlscale.data.modules import modules_used
from rlscale.data.problems import COLUMNS, generated_rows, tabulate
from rlscale.data.readers import Read, read_set
from rlscale.data.repeat import largest_steps, repeat
from rlscale.data.report import data_report
from rlscale.data.semantic import counted, semantic_twins
from rlscale.data.waterfall import as_text, so_far


def prepare_set(
    *,
    name: str,
    settings: Mapping[str, Any],
    benchmarks: Sequence[Path],
    pass_rates: Path | None,
    folder: Path,
    manifest: Path,
) -> None:
    """Generate or read a set, clean it, split it and write it with its report.

    Writes train.parquet, held_out.parquet, dropped.csv, conflicts.csv, hits.csv,
    semantic_twins.csv and report.json into the folder, and the manifest last.

    Args:
        name: The set's name.
        settings: The set's entry of the configuration's ``data`` section.
        benchmarks: Manifests of the benchmarks whose problems may not stand in the set; their
            problems.parquet lies beside each.
        pass_rates: Manifest of the measured pass rates (``rlscale.evaluation.pass_rates``),
            where the set has them.
        folder: Where everything goes.
        manifest: Where the manifest goes.

    Raises:
        StudyError: The set cannot be used; the message names file, column or key.
    """
    started = time.time()
    parts = read_parts(name, settings)
    inputs = _raw_files(settings)
    if pass_rates is not None:
        parts = parts._replace(tables=_with_pass_rates(parts.tables, pass_rates))
        inputs["pass_rates"] = pass_rates
    against = _by_name(benchmarks)
    others = _problem_tables(against)
    tables, lost = parts.tables, parts.losses
    cleaned = clean(tables["train"], tables.get("held_out"), others, settings, lost)
    losses = pandas.concat([lost, cleaned.losses], ignore_index=True)
    twins = semantic_twins(cleaned, others, settings)
    report = {
        **data_report(name, settings, parts.rows_in, tables, cleaned, losses),
        "semantic_twins": counted(twins),
        **parts.described(),
    }
    rows_in = sum(parts.rows_in.values())
    assert rows_in == report["rows_out"] + len(losses), "a row is lost silently"
    print(as_text(report["waterfall"]))
    print(f"semantic twins, which stay: {len(twins)} pairs in semantic_twins.csv")
    write_manifest(
        manifest,
        Provenance(
            "rlscale.data.prepare",
            settings,
            {**against, **inputs},
            used=modules_used(settings),
            seed=settings.get("generate", {}).get("seed"),
            started=started,
        ),
        kind="data",
        name=name,
        files=[
            _write_parquet(cleaned.train, folder / "train.parquet"),
            _write_parquet(cleaned.held_out, folder / "held_out.parquet"),
        ],
        reports=_write_reports(folder, cleaned, losses, twins, report),
        noted={"rows_in": rows_in, "rows_lost": len(losses)},
        n_train=len(cleaned.train),
        n_held_out=len(cleaned.held_out),
    )


def _by_name(benchmarks: Sequence[Path]) -> dict[str, Path]:
    """Manifests of benchmarks, their files checked, by the benchmarks' names."""
    found = {}
    for path in benchmarks:
        manifest = read_manifest(path, "benchmark")
        verify_files(manifest)
        found[manifest["name"]] = path
    return found


def _problem_tables(benchmarks: Mapping[str, Path]) -> dict[str, pandas.DataFrame]:
    """Problem table of each benchmark, by the places of their manifests."""
    return {
        name: pandas.read_parquet(path.parent / "problems.parquet")
        for name, path in benchmarks.items()
    }


def _write_reports(
    folder: Path,
    cleaned: Cleaned,
    losses: pandas.DataFrame,
    twins: pandas.DataFrame,
    report: Mapping[str, Any],
) -> list[Path]:
    """Write what people read of a set, and no later step; the files."""
    write_json(folder / "report.json", report)
    return [
        _write_csv(losses, folder / "dropped.csv"),
        _write_csv(cleaned.conflicts, folder / "conflicts.csv"),
        _write_csv(cleaned.hits, folder / "hits.csv"),
        _write_csv(twins, folder / "semantic_twins.csv"),
        folder / "report.json",
    ]


class Parts(NamedTuple):
    """The parts of a set as they were read: ``train``, and ``held_out`` where it has its own.

    Attributes:
        tables: Problem table of each part.
        quarantine: Rows of each part that cannot be used, as losses (``LOSS_COLUMNS``).
        reads: What was read as what, of parts that are read and not generated.
    """

    tables: dict[str, pandas.DataFrame]
    quarantine: dict[str, pandas.DataFrame]
    reads: dict[str, Read]

    @property
    def rows_in(self) -> dict[str, int]:
        """Raw rows of each part."""
        return {
            part: len(table) + len(self.quarantine[part]) for part, table in self.tables.items()
        }

    def described(self) -> dict[str, Any]:
        """What was read as what, by part, for report.json; nothing where all was generated."""
        read = {part: read.described() for part, read in self.reads.items()}
        return {"read": read} if read else {}

    @property
    def losses(self) -> pandas.DataFrame:
        """The quarantine of all parts in one table."""
        return pandas.concat(self.quarantine.values(), ignore_index=True)


def read_parts(name: str, settings: Mapping[str, Any]) -> Parts:
    """Generate or read the parts of a set, as far as their rows can be used.

    Args:
        name: The set's name.
        settings: ``verifier``, ``generate`` or ``read``, ``max_characters``, ``cleaning`` and
            ``held_out`` of the set's entry.

    Raises:
        StudyError: A file cannot be used, or no row of a part.
    """
    rows_of, reads = {}, {}
    if "generate" in settings:
        made = settings["generate"]
        rows_of["train"] = generated_rows(arithmetic.generate(made["levels"], made["seed"]))
    sources = {"train": settings, "held_out": settings["held_out"]}
    for part, source in sources.items():
        if "read" in source:
            reads[part] = read_set(source["read"])
            print(f"{part}: {reads[part].stated()}")
            rows_of[part] = reads[part].rows
    tables, quarantine = {}, {}
    for part, rows in rows_of.items():
        tables[part], lost = tabulate(
            rows,
            verifier=settings["verifier"],
            max_characters=settings["max_characters"],
            keep_mangled=settings["cleaning"] == "as_published",
        )
        assert len(rows) == len(tables[part]) + len(lost), "a row is lost silently"
        quarantine[part] = _as_losses(part, lost)
        if tables[part].empty:
            raise StudyError(
                f"data.{name}: none of the {len(rows)} rows of {part} can be used. "
                + so_far(len(rows), quarantine[part])
            )
    return Parts(tables, quarantine, reads)


def list_problems(
    *, name: str, settings: Mapping[str, Any], problems: Path, manifest: Path
) -> None:
    """Write the problems of all parts of a set that can be used, each once.

    A model that measures their pass rates reads them, and models made here must not have seen them.

    Args:
        name: The set's name.
        settings: As for ``read_parts``.
        problems: Where the table goes.
        manifest: Where the manifest goes.

    Raises:
        StudyError: A file cannot be used, or no row of a part.
    """
    started = time.time()
    tables = read_parts(name, settings).tables
    table = pandas.concat(tables.values()).drop_duplicates("problem_id")[list(COLUMNS)]
    write_manifest(
        manifest,
        Provenance(
            "rlscale.data.prepare",
            settings,
            _raw_files(settings),
            used=modules_used(settings),
            seed=settings.get("generate", {}).get("seed"),
            started=started,
        ),
        kind="problems",
        name=name,
        files=[_write_parquet(table, problems)],
        rows=len(table),
    )


def _with_pass_rates(
    tables: Mapping[str, pandas.DataFrame], path: Path
) -> dict[str, pandas.DataFrame]:
    manifest = read_manifest(path, "pass_rates")
    verify_files(manifest)
    measured = pandas.read_parquet(path.parent / "pass_rates.parquet")
    rates = measured.set_index("problem_id")["pass_rate"]
    return {
        part: table.assign(pass_rate=table["problem_id"].map(rates))
        for part, table in tables.items()
    }


def make_variant(
    *, name: str, settings: Mapping[str, Any], data: Path, output: Path, manifest: Path
) -> None:
    """Write the training problems of one recipe and tau, in the order of consumption.

    Args:
        name: ``<set>/<recipe>-tau<tau>``.
        settings: ``prompts_per_step``, ``steps``, ``tau``, ``taus`` (all of the recipe) and
            ``reuse`` (``subsets``, ``layout``, ``seed``).
        data: Manifest of the set.
        output: Where the table goes.
        manifest: Where the manifest goes.

    Raises:
        StudyError: The cleaned set is too small for the recipe; the message says what it allows.
    """
    provenance = Provenance(
        "rlscale.data.prepare", settings, {"data": data}, seed=settings["reuse"]["seed"]
    )
    source = read_manifest(data, "data")
    verify_files(source)
    pool = pandas.read_parquet(data.parent / "train.parquet")
    variant = _laid_out(name, pool, settings)
    unique = variant["problem_id"].nunique()
    prompts = settings["prompts_per_step"]
    largest = prompts * largest_steps(len(pool), prompts, settings["taus"])
    print(f"{name}: D_unique {unique} x tau {settings['tau']} = D_total {len(variant)}")
    print(f"the cleaned set allows D_total {largest}")
    write_manifest(
        manifest,
        provenance,
        kind="variant",
        name=name,
        files=[_write_parquet(variant, output)],
        noted={"d_total_largest": largest},
        d_unique=unique,
        d_total=len(variant),
    )


def _laid_out(name: str, pool: pandas.DataFrame, settings: Mapping[str, Any]) -> pandas.DataFrame:
    """The problems in the order of consumption (``repeat``); where they are too few, names it."""
    recipe = {key: settings[key] for key in ("prompts_per_step", "steps", "tau", "taus")}
    try:
        return repeat(pool, **recipe, **settings["reuse"])
    except StudyError as error:
        raise StudyError(f"{name}: {error}") from None


def _raw_files(settings: Mapping[str, Any]) -> dict[str, Path]:
    """The files that a set reads, by their names."""
    read = [part["read"] for part in (settings, settings["held_out"]) if "read" in part]
    names = [name for part in read for name in part.get("files", [])]
    return {str(path): path for path in data_files(names)}


def _as_losses(part: str, quarantine: pandas.DataFrame) -> pandas.DataFrame:
    entry = quarantine.drop(columns="order").assign(part=part, stage="quarantine")
    return entry.reindex(columns=list(LOSS_COLUMNS))


def _write_parquet(table: pandas.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.reset_index(drop=True).to_parquet(path, index=False)
    return path


def _write_csv(table: pandas.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = table.select_dtypes("object").columns
    table.assign(**{str(name): table[name].map(as_cell) for name in texts}).to_csv(
        path, index=False, float_format="%.4f"
    )
    return path
