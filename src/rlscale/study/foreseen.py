"""What a study that can run will not say, known from its configuration before any GPU hour."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rlscale.laws.registry import law_named
from rlscale.study.estimates import shape_of
from rlscale.study.grid import expand, job_of

Config = Mapping[str, Any]
Row = Mapping[str, Any]


def fitted_together(config: Config) -> dict[tuple[str, str], list[Row]]:
    """(family, variant) -> the cells whose curves are fitted together, as ``fit.select`` says.

    Empty where it selects by a column that only measurements have.
    """
    models = config["models"]
    cells = [
        {**asdict(cell), "cell": cell.path, "family": models[cell.model]["family"]}
        for cell in expand(config)
    ]
    select = {
        key: wanted if isinstance(wanted, list) else [wanted]
        for key, wanted in config["fit"]["select"].items()
    }
    groups: dict[tuple[str, str], list[Row]] = {}
    for cell in cells if select.keys() <= cells[0].keys() else []:
        if all(cell[key] in wanted for key, wanted in select.items()):
            groups.setdefault((cell["family"], cell["variant"]), []).append(cell)
    return groups


def notes(config: Config) -> list[str]:
    """Sentences on what is not judged before the runs, and what no fit will give after them.

    Args:
        config: The study's configuration, defaults filled in; one that ingests has none.
    """
    return [] if "ingest" in config else [*_memory(config), *_sizes(config)]


def _memory(config: Config) -> Iterator[str]:
    """Models that train on GPUs and whose memory cannot be held against the card."""
    cells = [cell for cell in expand(config) if job_of(config, cell.model).gpus]
    if not cells:
        return
    device = config["resources"]["plan"].get("device_gib")
    if device is None:
        yield (
            "resources.plan.device_gib is not said, so whether the trainings fit their GPUs is not "
            "judged; give the GiB of one GPU"
        )
        return
    unknown = {cell.model: None for cell in cells if shape_of(config, cell) is None}
    if unknown:
        yield (
            f"memory of {', '.join(unknown)} is not judged against resources.plan.device_gib: "
            f"{device:g}; models.{next(iter(unknown))}.architecture, the sizes in its config.json, "
            "would let it"
        )


def _sizes(config: Config) -> Iterator[str]:
    """Groups of fewer sizes than their laws over sizes need."""
    swept = config["fit"]["size"]
    key = swept if swept in ("tau", "group_size") else "model"
    least = {name: law_named(name).least_sizes for name in config["fit"]["laws"]}
    for (family, variant), cells in sorted(fitted_together(config).items()):
        found = sorted({str(cell[key]) for cell in cells})
        short = [name for name, needed in least.items() if len(found) < needed]
        if short:
            yield (
                f"no law over sizes will be fitted to {family} {variant}: {', '.join(short)} "
                f"need{'s' * (len(short) == 1)} {max(least[name] for name in short)} sizes, and "
                f"fit.select leaves {len(found)} (sweeps' {key}: {', '.join(found)}); add to them "
                "before the runs, or expect a slope of each size alone"
            )
