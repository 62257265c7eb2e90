"""What every output was made from, kept by content, so that it survives clones and checkouts.

Snakemake decides by modification times and by its notes on each output (.snakemake/metadata: the
parameters, the command, the inputs with checksums). Neither travels: after a clone and `dvc pull`
it would make everything again, and it never looks at data replaced by other bytes with an older
modification time. ``records/`` holds the notes in a form that git can keep and merge, one file for
each folder of outputs, with the sha256 of the outputs that they speak of. ``restore`` puts notes
back where the bytes are those; ``expose_changes`` makes changed inputs visible to Snakemake.
"""

import graphlib
import json
import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlscale.core.digests import canonical_json
from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256, read_json, write_json
from rlscale.core.inside import inside_study
from rlscale.core.manifests import read_record, run_record

RECORDS = Path("records")
NOTES = Path(".snakemake/metadata")
# Of Snakemake's notes, what it compares and what its report shows.
_KEPT = (
    "rule", "input", "log", "params", "code", "record_format_version", "conda_env",
    "container_img_url", "software_stack_hash", "starttime", "endtime", "input_checksums",
)  # fmt: skip
_HASHED_BYTES = 2**20  # bigger outputs are vouched for by the manifests that name them, and by DVC

_SECOND = 10**9  # in the nanoseconds of modification times

Notes = dict[str, Any]


def read_notes() -> dict[str, Notes]:
    """Snakemake's notes of this folder: output -> notes."""
    notes = {}
    inside_study(NOTES, "Snakemake")  # what is no note is removed below
    for path in NOTES.rglob("*"):
        if path.is_file():
            encoded = "".join(part.removeprefix("@") for part in path.relative_to(NOTES).parts)
            try:
                output, note = urlsafe_b64decode(encoded).decode(), json.loads(path.read_text())
            except (ValueError, RecursionError):  # half-written when a run was killed: as absent
                path.unlink()
                continue
            if isinstance(note, dict) and _is_note(note):
                notes[output] = note
    return notes


def notes_path(output: str) -> Path:
    """Where Snakemake keeps its notes on an output: its name in base64, cut where too long."""
    encoded = urlsafe_b64encode(output.encode()).decode()
    size = os.pathconf(".", "PC_NAME_MAX") - 1
    parts = [encoded[start : start + size] for start in range(0, len(encoded), size)]
    return NOTES.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])


def write_records() -> int:
    """Bring records/ up to date with Snakemake's notes; returns the number of outputs recorded."""
    notes = sorted(read_notes().items())
    present = {output: note for output, note in notes if Path(output).exists()}
    folders: dict[Path, dict[str, Notes]] = {}
    for output, note in present.items():
        folders.setdefault(_record_file(output), {})[output] = note
    for file, found in folders.items():
        steps: dict[str, dict[str, Any]] = {}
        for output, note in [*_read_record_file(file), *found.items()]:
            if output in found and note is not found[output]:
                continue
            kept = {key: note.get(key) for key in _KEPT}
            step = steps.setdefault(
                canonical_json({**kept, "endtime": None, "starttime": None}),
                {"outputs": {}, "notes": kept},
            )
            digest = _digest(output) if output in found else note["sha256"]
            step["outputs"][Path(output).name] = digest
        ordered = [
            {**step, "outputs": dict(sorted(step["outputs"].items()))} for step in steps.values()
        ]
        ordered.sort(key=lambda step: next(iter(step["outputs"])))
        if not file.exists() or read_json(file) != ordered:
            write_json(file, ordered)
    return len(present)


def read_records() -> dict[str, Notes]:
    """All records: output -> notes, with the output's ``sha256`` (None where it is big)."""
    return {
        output: notes
        for file in sorted(RECORDS.rglob("*.json"))
        for output, notes in _read_record_file(file)
    }


def restore() -> list[str]:
    """Give Snakemake its notes back, from records/, wherever they speak of the bytes that are here.

    An output that is not here gets its notes too, so that a change of its settings is seen.

    Returns:
        Outputs whose bytes are neither those of their record nor known to this folder's own notes.
    """
    own = read_notes()
    unknown = []
    for output, notes in read_records().items():
        sha256 = notes.pop("sha256")
        if Path(output).exists() and sha256 is not None and sha256 != _digest(output):
            if output not in own:
                unknown.append(output)
            continue
        if any(notes[key] != own.get(output, {}).get(key) for key in _KEPT):
            write_json(notes_path(output), {**notes, "incomplete": False})
    return unknown


def changed_inputs(notes: Mapping[str, Notes]) -> dict[str, list[str]]:
    """Inputs whose bytes are no longer those that an output here was made from.

    Args:
        notes: Output -> Snakemake's notes.

    Returns:
        Input -> the outputs that were made from other bytes of it.
    """
    digests: dict[str, str] = {}
    changed: dict[str, list[str]] = {}
    for output, note in sorted(notes.items()):
        if not Path(output).exists():
            continue
        recorded = note.get("input_checksums") or {}
        for name in note.get("input") or ():
            if not Path(name).is_file():
                continue
            known = {recorded[name].split(":")[-1]} if name in recorded else _inputs(output)
            if not known:
                continue
            if name not in digests:
                digests[name] = file_sha256(name)
            if digests[name] not in known:
                changed.setdefault(name, []).append(output)
    return changed


def expose_changes() -> dict[str, list[str]]:
    """Make changed inputs newer than what was made from them: then Snakemake compares them.

    Returns:
        Input -> outputs, as ``changed_inputs``, of those that Snakemake would have passed over.
    """
    notes = read_notes()
    return _expose(changed_inputs(notes), notes)


def _expose(changed: Mapping[str, list[str]], notes: Mapping[str, Notes]) -> dict[str, list[str]]:
    """Date changed inputs after what was made from other bytes of them.

    One that no rule made stays as it is, because it may be somebody else's: outputs move instead.

    Returns:
        Inputs -> outputs that seemed newer.
    """
    hidden: dict[str, list[str]] = {}
    for name, outputs in changed.items():
        since = Path(name).stat().st_mtime_ns
        for output in outputs:
            if Path(output).stat().st_mtime_ns >= since:
                hidden.setdefault(name, []).append(output)
                if name not in notes:
                    before = since - _SECOND // 1000
                    os.utime(output, ns=(before, before))
        if name in hidden and name in notes:
            os.utime(name)
    return hidden


def touch_in_order(notes: Mapping[str, Notes], changed: Mapping[str, list[str]]) -> None:
    """Set outputs' modification times in the order of dependence, after all that they read.

    Args:
        notes: Output -> Snakemake's notes.
        changed: ``changed_inputs``: what was made from other bytes is dated before them.
    """
    graph = {output: note.get("input") or [] for output, note in notes.items()}
    level: dict[str, int] = {}
    try:
        order = [*graphlib.TopologicalSorter(graph).static_order()]
    except graphlib.CycleError as error:
        raise StudyError(
            f"{RECORDS}: says that {error.args[1][0]} was made from itself; remove its record"
        ) from None
    for name in order:
        level[name] = 1 + max((level[before] for before in graph.get(name, ())), default=-1)
    given = [Path(name) for name in level if name not in notes]
    newest = max((path.stat().st_mtime_ns for path in given if path.exists()), default=0)
    now, deepest = time.time_ns(), max(level.values(), default=0)
    start = max(newest, now - (1 + deepest) * _SECOND)
    between = max((now - start) // (1 + deepest), _SECOND // 1000)
    for name in notes:
        if Path(name).exists():
            at = start + level[name] * between
            os.utime(inside_study(name, "Snakemake's notes"), ns=(at, at))
    _expose(changed, notes)


def _record_file(output: str) -> Path:
    return RECORDS / f"{Path(output).parent}.json"


def _read_record_file(file: Path) -> Iterator[tuple[str, Notes]]:
    folder = file.relative_to(RECORDS).with_suffix("")
    for step in _read_steps(file) if file.exists() else ():
        for name, sha256 in step["outputs"].items():
            if Path(name).name != name:
                raise StudyError(f"{file}: {name!r} is no name of an output; remove that record")
            output = inside_study(folder / name, file)
            yield str(output), {**step["notes"], "sha256": sha256}


def _read_steps(file: Path) -> list[dict[str, Any]]:
    """What a record says: outputs with their digests, and Snakemake's notes on them.

    Raises:
        StudyError: It says something else.
    """
    steps = read_json(file)
    for step in steps if isinstance(steps, list) else [None]:
        outputs, notes = (
            (step.get("outputs"), step.get("notes")) if isinstance(step, dict) else (None, None)
        )
        if not isinstance(outputs, dict) or not isinstance(notes, dict) or not _is_note(notes):
            raise StudyError(f"{file}: no record of outputs and notes on them; remove that record")
    return list(steps)


def _is_note(note: Notes) -> bool:
    """Whether notes have all that is compared, and lists of names where names are read."""
    names, checksums = note.get("input") or [], note.get("input_checksums") or {}
    if not {*_KEPT} <= note.keys() or not isinstance(names, list):
        return False
    texts = [note["rule"], *names, *(checksums.values() if isinstance(checksums, dict) else [None])]
    return all(isinstance(text, str) for text in texts)


def _digest(output: str) -> str | None:
    return file_sha256(output) if Path(output).stat().st_size <= _HASHED_BYTES else None


def _inputs(output: str) -> set[str]:
    """Digests that a manifest's run record gives for its inputs; empty for any other output."""
    if not run_record(output).exists():
        return set()
    try:
        return set(read_record(output)["inputs"].values())
    except StudyError:
        return set()
