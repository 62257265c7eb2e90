"""A study of the stand-in rules, made by the real `new-study`."""

import shutil
from pathlib import Path
from unittest import mock

from rlscale.study import new_study as studies

STUB = Path(__file__).parent


def make_study(folder: Path, config: Path = STUB / "config.yaml") -> None:
    """Make a study in ``folder`` whose product is the stub, with 1.2 MB of raw data.

    Args:
        folder: Where; the stub product is put beside it.
        config: The study's configuration.
    """
    product = folder.parent / "product"
    template = product / "workflow/study"
    shutil.copytree(studies.PRODUCT / "workflow/study", template)
    for name in ("Snakefile", "stub.py"):
        shutil.copy(STUB / name, template / name)
    for name, text in {
        ".dvc/config": (studies.PRODUCT / ".dvc/config").read_text(),
        "slurm/config.yaml": "executor: slurm\n",
        "workflow/study/raw/problems.txt": "1+1=2\n" * 200_000,
    }.items():
        (product / name).parent.mkdir(exist_ok=True)
        (product / name).write_text(text)
    with mock.patch.object(studies, "PRODUCT", product):
        studies.new_study(folder, config)
