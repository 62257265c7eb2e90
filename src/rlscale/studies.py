"""One folder holds one study: results/study.json says which."""

from pathlib import Path

from rlscale.errors import StudyError
from rlscale.manifests import read_json, write_json


def claim_folder(study: str, results: Path) -> None:
    """Record the study's name in a fresh folder; refuse a folder of another study.

    Args:
        study: Name of the study that is about to run.
        results: The folder of results.

    Raises:
        StudyError: The folder belongs to another study.
    """
    path = results / "study.json"
    if not path.exists():
        write_json(path, {"study": study})
        return
    owner = read_json(path).get("study")
    if owner != study:
        raise StudyError(
            f"{path}: this folder holds the study '{owner}', not '{study}'; give the new one its "
            "own folder (make new-study DIR=... CONFIG=...), or remove results/ and checkpoints/"
        )
