"""What each step reads, as far as the configuration decides it; rules declare it, steps read it."""

from collections.abc import Mapping
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.cell import Cell
from rlscale.core.digests import digest
from rlscale.core.files import read_json
from rlscale.core.manifests import run_record
from rlscale.data.files import files_of
from rlscale.evaluation.shards import Shard
from rlscale.study import grid, layout, settings

if TYPE_CHECKING:
    from rlscale.report.figures.registry import Figure

Config = Mapping[str, Any]


def made_benchmarks(config: Config) -> list[str]:
    """The benchmarks with problems of their own: all but a data set's held-out problems."""
    entries = config["benchmarks"].items()
    return [name for name, entry in entries if entry.get("module", name) != "held_out"]


def benchmark_files(config: Config, name: str) -> list[Path]:
    """Raw files that a benchmark is made from."""
    entry = config["benchmarks"][name]
    return [Path(entry[key]) for key in ("path", "examples") if key in entry]


def raw_files(config: Config, name: str) -> list[Path]:
    """Raw files that a data set reads; of a folder or a pattern, those that are here."""
    entry = config["data"][name]
    parts = (entry, entry["held_out"])
    names = [file for part in parts for file in part.get("read", {}).get("files", [])]
    return [file for named in names for file in files_of(named)]


def of_benchmarks(config: Config) -> list[Path]:
    """Manifests of the benchmarks, whose problems may not stand in a data set."""
    return [layout.benchmark(name) for name in made_benchmarks(config)]


def of_pass_rates(config: Config, name: str) -> list[Path]:
    """Manifest of the pass rates of a set that has them measured; none of any other."""
    return [layout.pass_rates(name)] if "pass_rate" in config["data"][name] else []


def asked_model(config: Config, name: str) -> Path:
    """Manifest of the model that measures a set's pass rates."""
    own = config["data"][name]["pass_rate"]
    return layout.model(f"{own['model']}-{own['variant']}")


def unseen(config: Config) -> list[Path]:
    """Manifests of the problems that models made here must not see (`pretraining.unseen`).

    Of a data set those are the held-out ones, or all of them where a model of the study measures
    the pass rates: then there is no split yet.
    """
    sets = [
        (layout.problem_list if "pass_rate" in entry else layout.data_set)(name)
        for name, entry in config["data"].items()
    ]
    named = config["pretraining"].get("unseen", made_benchmarks(config))
    return [*sets, *map(layout.benchmark, named)]


def may_be_seen(config: Config) -> list[Path]:
    """Manifests of the other benchmarks."""
    return [path for path in of_benchmarks(config) if path not in unseen(config)]


def model_of(config: Config, cell: Cell) -> Path:
    """Manifest of the weights that a cell starts from."""
    return layout.model(grid.model_name(config, cell))


def corpora(config: Config, model: str, variant: str) -> list[Path]:
    """Manifest of what a model made here learns from; none of any other model."""
    shared, _ = grid.split_run(variant)
    corpus = {"base": "pretraining", "instruct": "fine_tuning"}[shared]
    made = "made" in config["models"][model][shared]
    return [layout.corpus(variant.replace(shared, corpus))] if made else []


def corpora_of_cells(config: Config) -> list[Path]:
    """Manifests of all that the models of the study's cells learn from, where made here."""
    paths = set()
    for cell in grid.expand(config):
        _, run = grid.split_run(grid.model_name(config, cell).removeprefix(cell.model))
        for shared in {"base", cell.variant} & set(config["models"][cell.model]):
            variant = shared if run is None else f"{shared}-run{run}"
            paths |= set(corpora(config, cell.model, variant))
    return sorted(paths)


def seen_of_corpora(config: Config) -> list[Path]:
    """Counts of the problems of benchmarks that made models have learnt."""
    if "ingest" in config:
        return []
    return [layout.seen_of(path.parent.name) for path in corpora_of_cells(config)]


def base_of(config: Config, model: str, variant: str) -> list[Path]:
    """Manifest of the model that a tuned one is made from; none of any other model."""
    shared, _ = grid.split_run(variant)
    tuned = shared == "instruct" and "made" in config["models"][model][shared]
    return [layout.model(f"{model}-{variant.replace('instruct', 'base')}")] if tuned else []


def model_files(config: Config, model: str, variant: str) -> list[Path]:
    """Files of the local folder that a model is taken from, as far as they are here."""
    source = config["models"][model][grid.split_run(variant)[0]]
    if "folder" not in source:
        return []
    return sorted(path for path in Path(source["folder"]).glob("*") if path.is_file())


def data_of(config: Config, cell: Cell) -> Path:
    """Manifest of the problems that a cell trains on."""
    data = config["recipes"][cell.recipe]["data"]
    return layout.variant(data, cell.recipe, cell.tau)


def problems_of(config: Config, cell: Cell) -> dict[str, Path]:
    """Manifest that holds each benchmark's problems; held-out ones are the data set's own."""
    own = layout.data_set(config["recipes"][cell.recipe]["data"])
    made = made_benchmarks(config)
    return {name: layout.benchmark(name) if name in made else own for name in config["benchmarks"]}


def shards_of_cell(config: Config, cell: Cell) -> list[Path]:
    """What says that the shards of a cell's evaluation were asked; empty where one job does all.

    Their number is that of ``resources``; of an evaluation that was made with the same settings,
    the number that it was made with, so that another one makes nothing again.
    """
    if config["training"]["checkpoints_on_disk"]:  # the training's job asks
        return []
    files = layout.CellFiles.of(cell.path)
    asked = settings.evaluation(config, cell)
    return _shards(config, cell.model, files.evaluation, asked, files.shards)


def shards_of_set(config: Config, name: str) -> list[Path]:
    """The same of the pass rates of a set."""
    model = config["data"][name]["pass_rate"]["model"]
    made, folder = layout.pass_rates(name), layout.pass_rate_shards(name)
    return _shards(config, model, made, settings.pass_rates(config, name), folder)


def _shards(
    config: Config, model: str, made: Path, asked: settings.Settings, folder: Path
) -> list[Path]:
    count = grid.job_of(config, model).of_evaluation().shards
    if run_record(made).exists():
        record = read_json(run_record(made))
        if digest(record.get("settings")) == digest(asked):
            count = record.get("shards", 1)
    return [folder / f"{Shard(number, count)}.json" for number in range(1, count + 1) if count > 1]


def collected(config: Config) -> list[Cell]:
    """The cells whose tables make the study's: all, or those there with figures.allow_missing."""
    cells = grid.expand(config)
    if not config["figures"]["allow_missing"]:
        return cells
    there = [cell for cell in cells if layout.CellFiles.of(cell.path).curve.exists()]
    return there or cells


def of_cells(config: Config, table: Path) -> list[Path]:
    """A table that only a study with cells of its own makes; none of curves made elsewhere."""
    return [] if "ingest" in config else [table]


def fits(config: Config) -> list[Path]:
    """The fits that the configuration asks for."""
    own = config["fit"]
    return [layout.fit(*names) for names in product(own["laws"], own["x"], own["metrics"])]


def forecasts(config: Config, protocol: str) -> list[Path]:
    """The forecasts of all laws under a protocol."""
    return [layout.forecast(protocol, law) for law in config["forecast"]["laws"]]


def figure_fits(config: Config, figure: "Figure") -> list[Path]:
    """The fits that a figure reads, of those that the configuration asks for."""
    wanted = figure.fits_on(config["figures"]["compute"])
    return [path for path in fits(config) if path.stem in wanted]


def figure_tables(config: Config, figure: "Figure") -> dict[str, Path]:
    """What a figure reads besides curves and fits, by the names that its patterns match."""
    own = config["forecast"]
    tables = {f"scores_{name}": layout.forecast_scores(name) for name in own["protocols"]}
    for name, law in product(own["protocols"], own["laws"]):
        tables[f"{name}_{law}"] = layout.forecast(name, law)
    tables["equal_compute"] = layout.EQUAL_COMPUTE
    if "ingest" not in config:
        tables |= {"ledger": layout.LEDGER, "timings": layout.TIMINGS}
        tables |= {"pass_at_k": layout.PASS_AT_K}
        used = {config["recipes"][cell.recipe]["data"] for cell in grid.expand(config)}
        tables |= {f"data_{name}": layout.data_report(name) for name in sorted(used)}
    if config["figures"]["published"]:
        tables["published"] = Path(config["figures"]["published"])
    patterns = figure.tables
    return {
        name: path for name, path in tables.items() if any(fnmatch(name, one) for one in patterns)
    }


def compared(config: Config, other: str, law: str, x: str, metric: str) -> tuple[Path, Path]:
    """A fit of this study and that of another one whose results the configuration names."""
    elsewhere = Path(config["compare"][other])
    return layout.fit(law, x, metric), layout.fit(law, x, metric, elsewhere)
