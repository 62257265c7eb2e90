"""Draw a finished study's figures again, from the tables and fits that its folder keeps in git.

No rule runs and nothing is fitted or trained: what is drawn is what the files say.
"""

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.files import read_json
from rlscale.core.inside import inside_study
from rlscale.core.yaml_files import load
from rlscale.report.figures.registry import all_figures
from rlscale.study import layout
from rlscale.study.schema import SCHEMA, near, schema_findings
from rlscale.study.steps import report

CONFIGURATION = "configuration.json"


def redraw(study: Path, figures: Sequence[str], output: Path) -> None:
    """Draw figures of a study into a new folder.

    Args:
        study: A study's ``results/`` as git keeps it (curves, fits, forecasts, tables), and beside
            these ``configuration.json``, the configuration with its defaults
            (``.state/configurations/<digest>.json``). What ``figures.published`` names is read
            from the folder above, that of the study.
        figures: Their names; all of the registry without any.
        output: Where the figures go, with copies of what they were drawn from; it must not exist.

    Raises:
        StudyError: A file or figure is missing or not a study's, or the output is there already.
    """
    if not (study / CONFIGURATION).is_file():
        raise StudyError(
            f"{study / CONFIGURATION}: missing; name a copy of a study's results/, and put beside "
            "its curves.csv the study's .state/configurations/<digest>.json under this name"
        )
    known = all_figures()
    for name in figures:
        if name not in known:
            raise StudyError(f"there is no figure '{name}'{near(name, known)}")
    if output.exists():
        raise StudyError(f"{output}: exists already; remove it, or name another --output")
    config = _configuration(study / CONFIGURATION)
    _check_plain(study)
    shutil.copytree(study, output / layout.RESULTS, ignore=shutil.ignore_patterns("fig_*"))
    published = config["figures"]["published"]  # stands in the study's folder, beside its results/
    if published:
        source = study.parent / inside_study(published, study / CONFIGURATION, study.parent)
        if not source.is_file():
            raise StudyError(f"{source}: missing; figures.published of the study names it")
        (output / published).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, output / published)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        for name in pool.map(partial(_draw, config, output), figures or list(known)):
            print(f"redraw: {name}")


def _configuration(path: Path) -> dict[str, Any]:
    """A study's configuration with its defaults.

    Raises:
        StudyError: It is none; names its first mistake.
    """
    config = read_json(path)
    found = schema_findings(config, load(SCHEMA))
    if found:
        raise StudyError(f"{path}: {found[0]}")
    return config


def _check_plain(study: Path) -> None:
    """Refuse what would be copied from elsewhere, or never end: links, pipes, devices.

    Raises:
        StudyError: Names it.
    """
    for path in study.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise StudyError(f"{path}: is a link, pipe or device; put the file itself there")


def _draw(config: Mapping[str, Any], folder: Path, name: str) -> str:
    with contextlib.chdir(folder):
        try:
            report.plot(config, name)
        except FileNotFoundError as error:
            raise StudyError(f"{name}: {error.filename} is missing in the study's folder") from None
    return name
