"""Runs from W&B's server, kept as JSON Lines on disk, where they are read without network."""

import json
import re
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.files import write_text


def fetch_runs(entity: str, project: str, folder: Path) -> list[Path]:
    """Write the whole history of every run of a project; nothing is down-sampled.

    Args:
        entity: User or team.
        project: Its project.
        folder: Where the files go, one per run, by the run's name and id.

    Returns:
        The files, which the format ``wandb`` reads; configuration is called ``config/<key>``.

    Raises:
        StudyError: The package wandb is absent, the server does not answer as it should, or the
            project holds no logged values.
    """
    try:
        import wandb
    except ImportError:
        raise StudyError("reading from W&B needs its package: pip install wandb") from None
    files = []
    try:
        for run in wandb.Api().runs(f"{entity}/{project}"):
            fixed = {f"config/{name}": value for name, value in _scalars(run.config).items()}
            lines = [json.dumps(_scalars(row) | fixed) for row in run.scan_history()]
            if lines:
                name = re.sub(r"[^\w.=+-]", "_", run.name)
                files.append(folder / f"{name}-{run.id}.jsonl")
                write_text(files[-1], "".join(f"{line}\n" for line in lines))
    except (wandb.errors.Error, OSError, ValueError) as error:
        raise StudyError(
            f"W&B, {entity}/{project}: {error}; is the name right, and `wandb login` done?"
        ) from None
    if not files:
        raise StudyError(f"W&B, {entity}/{project}: no run with logged values")
    return files


def _scalars(values: Any) -> dict[str, Any]:
    """Numbers and texts; not tables, pictures or histograms."""
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}
