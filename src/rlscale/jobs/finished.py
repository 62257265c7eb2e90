"""A finished training is kept beside its state, for a workflow that never hears of its end.

A job can be killed after its training has ended and before its workflow has noted that (a time
limit, a lost node, a killed main process). Snakemake then removes what the job made and starts it
again; the next attempt finds the results here and trains nothing.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.core.files import new_file, new_folder, read_json, write_json
from rlscale.core.manifests import read_manifest, run_record, verify_files

_FOLDER = "finished"
MARK = "mark.json"  # in the folder of a state: what it is the state of


def keep(state: Path, mark: str, outputs: Mapping[str, Path]) -> None:
    """Copy a training's outputs beside its state, then remove what it would resume from.

    Args:
        state: Folder of the resumable state.
        mark: ``rlscale.core.manifests.mark_of`` of the training.
        outputs: Name -> path of its files, ``manifest`` among them.
    """
    part = state / f".{_FOLDER}.part"
    new_folder(part)
    for name, path in _with_record(outputs).items():
        shutil.copyfile(path, part / name)
    write_json(state / MARK, mark)
    shutil.rmtree(state / _FOLDER, ignore_errors=True)
    part.rename(state / _FOLDER)
    for path in state.glob("checkpoint-*"):
        shutil.rmtree(path)
    (state / "README.md").unlink(missing_ok=True)  # TRL's model card of the run


def restore(state: Path, mark: str, outputs: Mapping[str, Path]) -> bool:
    """Put the outputs of a finished training back, if all that it made is still there.

    Args:
        state: Folder of the resumable state.
        mark: ``mark_of`` of the training that is asked for.
        outputs: As given to ``keep``.

    Returns:
        Whether they were put back; if not, there is nothing under these paths.
    """
    folder, marker = state / _FOLDER, state / MARK
    if not (folder.exists() and marker.exists() and read_json(marker) == mark):
        return False
    for name, path in _with_record(outputs).items():
        if name != "manifest":
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, path)
    try:
        verify_files(read_manifest(folder / "manifest"))
    except StudyError as error:
        print(f"trained before, but: {error}; training again")
        for path in outputs.values():
            path.unlink(missing_ok=True)
        shutil.rmtree(folder)
        return False
    part = outputs["manifest"].with_suffix(".part")
    with new_file(part) as handle:
        handle.write((folder / "manifest").read_bytes())
    part.replace(outputs["manifest"])
    return True


def _with_record(outputs: Mapping[str, Path]) -> dict[str, Path]:
    return {**outputs, "record": run_record(outputs["manifest"])}
