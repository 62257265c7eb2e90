"""The data stage as two steps: a clean set with its report, and variants of it for training."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas

from rlscale.core.errors import StudyError
from rlscale.core.files import write_json
from rlscale.core.manifests import read_manifest, verify_files, write_manifest
from rlscale.data import arithmetic
from rlscale.data.clean import LOSS_COLUMNS, clean
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
    tables, quarantine, reads = read_parts(name, settings)
    inputs = _raw_files(settings)
    if pass_rates is not None:
        tables = _with_pass_rates(tables, pass_rates)
        inputs["pass_rates"] = pass_rates
    read = [read_manifest(path, "benchmark") for path in benchmarks]
    for entry in read:
        verify_files(entry)
    others = {
        entry["name"]: pandas.read_parquet(path.parent / "problems.parquet")
        for entry, path in zip(read, benchmarks, strict=True)
    }
    lost = pandas.concat(quarantine.values(), ignore_index=True)
    cleaned = clean(tables["train"], tables.get("held_out"), others, settings, lost)
    losses = pandas.concat([lost, cleaned.losses], ignore_index=True)
    rows_in = {part: len(table) + len(quarantine[part]) for part, table in tables.items()}
    report = data_report(name, settings, rows_in, tables, cleaned, losses)
    twins = semantic_twins(cleaned, others, settings)
    report["semantic_twins"] = counted(twins)
    if reads:
        report["read"] = {part: read.described() for part, read in reads.items()}
    assert sum(rows_in.values()) == report["rows_out"] + len(losses), "a row is lost silently"
    files = [
        _write_parquet(cleaned.train, folder / "train.parquet"),
        _write_parquet(cleaned.held_out, folder / "held_out.parquet"),
    ]
    reports = [
        _write_csv(losses, folder / "dropped.csv"),
        _write_csv(cleaned.conflicts, folder / "conflicts.csv"),
        _write_csv(cleaned.hits, folder / "hits.csv"),
        _write_csv(twins, folder / "semantic_twins.csv"),
        folder / "report.json",
    ]
    write_json(folder / "report.json", report)
    print(as_text(report["waterfall"]))
    print(f"semantic twins, which stay: {len(twins)} pairs in semantic_twins.csv")
    against = {entry["name"]: path for entry, path in zip(read, benchmarks, strict=True)}
    write_manifest(
        manifest,
        kind="data",
        name=name,
        settings=settings,
        inputs={**against, **inputs},
        files=files,
        seed=settings.get("generate", {}).get("seed"),
        started=started,
        code="rlscale.data.prepare",
        used=modules_used(settings),
        reports=reports,
        noted={"rows_in": sum(rows_in.values()), "rows_lost": len(losses)},
        n_train=len(cleaned.train),
        n_held_out=len(cleaned.held_out),
    )


def read_parts(
    name: str, settings: Mapping[str, Any]
) -> tuple[dict[str, pandas.DataFrame], dict[str, pandas.DataFrame], dict[str, Read]]:
    """Generate or read the parts of a set, as far as their rows can be used.

    Args:
        name: The set's name.
        settings: ``verifier``, ``generate`` or ``read``, ``max_characters``, ``cleaning`` and
            ``held_out`` of the set's entry.

    Returns:
        By part (``train``, and ``held_out`` where the set has its own): the problem table, the
        rows in quarantine, as losses, and, of parts that are read, what was read as what.

    Raises:
        StudyError: A file cannot be used, or no row of a part.
    """
    parts, reads = {}, {}
    if "generate" in settings:
        made = settings["generate"]
        parts["train"] = generated_rows(arithmetic.generate(made["levels"], made["seed"]))
    sources = {"train": settings, "held_out": settings["held_out"]}
    for part, source in sources.items():
        if "read" in source:
            reads[part] = read_set(source["read"])
            print(f"{part}: {reads[part].stated()}")
            parts[part] = reads[part].rows
    tables, quarantine = {}, {}
    for part, rows in parts.items():
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
    return tables, quarantine, reads


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
    tables, _, _ = read_parts(name, settings)
    table = pandas.concat(tables.values()).drop_duplicates("problem_id")[list(COLUMNS)]
    write_manifest(
        manifest,
        kind="problems",
        name=name,
        settings=settings,
        inputs=_raw_files(settings),
        files=[_write_parquet(table, problems)],
        seed=settings.get("generate", {}).get("seed"),
        started=started,
        code="rlscale.data.prepare",
        used=modules_used(settings),
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
    started = time.time()
    source = read_manifest(data, "data")
    verify_files(source)
    pool = pandas.read_parquet(data.parent / "train.parquet")
    reuse = settings["reuse"]
    try:
        variant = repeat(
            pool,
            **{key: settings[key] for key in ("prompts_per_step", "steps", "tau", "taus")},
            **reuse,
        )
    except StudyError as error:
        raise StudyError(f"{name}: {error}") from None
    unique = variant["problem_id"].nunique()
    largest = largest_steps(len(pool), settings["prompts_per_step"], settings["taus"])
    print(f"{name}: D_unique {unique} x tau {settings['tau']} = D_total {len(variant)}")
    print(f"the cleaned set allows D_total {largest * settings['prompts_per_step']}")
    write_manifest(
        manifest,
        kind="variant",
        name=name,
        settings=settings,
        inputs={"data": data},
        files=[_write_parquet(variant, output)],
        seed=reuse["seed"],
        started=started,
        code="rlscale.data.prepare",
        noted={"d_total_largest": largest * settings["prompts_per_step"]},
        d_unique=unique,
        d_total=len(variant),
    )


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
    table.to_csv(path, index=False, float_format="%.4f")
    return path
