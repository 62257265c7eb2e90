"""One folder holds one study: results/study.json says which."""

from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.core.files import read_json, write_json

PRODUCT = Path(__file__).parents[3]
CONFIG = "config/config.yaml"


def claim_folder(study: str, results: Path) -> None:
    """Record the study's name in a folder that is about to hold its results."""
    check_folder(study, results)
    write_json(results / "study.json", {"study": study})


def check_folder(study: str, results: Path) -> None:
    """Refuse a folder that holds another study; a plan (dry run) claims nothing.

    Args:
        study: Name of the study that is planned or about to run.
        results: The folder of results.

    Raises:
        StudyError: The folder belongs to another study.
    """
    path = results / "study.json"
    owner = read_json(path) if path.exists() else {"study": study}
    owner = owner.get("study") if isinstance(owner, dict) else None
    if owner != study:
        raise StudyError(
            f"{path}: this folder holds the study '{owner}', not '{study}'; give the new one its "
            "own folder (make new-study DIR=... CONFIG=...), or remove results/ and checkpoints/"
        )
