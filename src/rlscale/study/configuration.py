"""The configuration that a command works with: of the workflow whose job it is, or of a file.

The workflow keeps its configuration, defaults filled in, in a file that is named by its digest, and
tells its jobs of it in an environment variable. So a job computes what was planned, whatever became
of config.yaml meanwhile, and no command line carries settings.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlscale.core.digests import digest
from rlscale.core.files import read_json, write_json
from rlscale.study.folder import CONFIG, check_folder
from rlscale.study.layout import RESULTS, STATE

VARIABLE = "RLSCALE_CONFIGURATION"

Config = Mapping[str, Any]


def use(config: Config) -> None:
    """Keep a configuration, and name it to all processes that are started from now on.

    A folder that may only be read keeps none: nothing runs there, but it can be looked at.
    """
    path = STATE / "configurations" / f"{digest(config)}.json"
    place = next(folder for folder in path.parents if folder.exists())
    if not path.exists() and os.access(place, os.W_OK):
        write_json(path, config)
    os.environ[VARIABLE] = str(path)


def current(file: Path | None = None) -> Config:
    """The configuration of this command, all defaults filled in.

    Args:
        file: The study's file; None for that of the workflow whose job this is, or else of
            config/config.yaml.

    Raises:
        StudyError: The file is missing or refused, or the folder holds another study.
    """
    kept = os.environ.get(VARIABLE)
    if file is None and kept is not None:
        return read_json(kept)
    from rlscale.core.yaml_files import load
    from rlscale.study.check import refuse
    from rlscale.study.schema import SCHEMA, with_defaults

    file = file or Path(CONFIG)
    config = load(file)
    refuse(config, [])
    check_folder(config["study"], RESULTS)
    return with_defaults(config, load(SCHEMA))
