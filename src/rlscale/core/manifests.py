"""Manifests: the small files that rules hand each other instead of big ones.

A manifest holds what later steps read: what was made, how it ended, the files with their sha256,
and facts. What it was made from (settings, inputs, code, versions, times) stands beside it, in its
run record ``<name>.run.json``, which no step has as an input. So a step that had to be made again
and came out the same forces none of the steps that read its manifest. It is written last, by
rename: its presence means that everything it names is complete.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlscale.core.code import code_digest
from rlscale.core.digests import digest, installed_lock, package_versions
from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256, read_json, write_json
from rlscale.core.machine import machine

# May lie beside a model's files unnamed: no library reads them.
NOT_READ = ("README.md", "LICENSE", ".gitattributes", ".gitignore")
STATUSES = ("ok", "diverged", "refused")


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """Digest of what a manifest says."""
    return digest({key: value for key, value in manifest.items() if key != "fingerprint"})


def input_fingerprints(paths: Mapping[str, Path | str]) -> dict[str, str]:
    """Fingerprints of a step's inputs: a manifest's own, or the sha256 of any other file.

    Raises:
        StudyError: One does not exist; names it.
    """
    result = {}
    for name, path in paths.items():
        path = Path(path)
        if not path.exists():
            raise StudyError(f"{path}: input '{name}' does not exist")
        result[name] = _fingerprint_of(path) or file_sha256(path)
    return result


def _fingerprint_of(path: Path) -> str | None:
    """The fingerprint of a manifest; None where a file is none, such as a data set in JSON."""
    if path.suffix != ".json":
        return None
    try:
        content = read_json(path)
    except StudyError:
        return None
    return fingerprint(content) if is_manifest(content) else None


def mark_of(settings: Mapping[str, Any], inputs: Mapping[str, Path | str]) -> str:
    """Digest of what decides a step's result: its settings and its inputs."""
    return digest({"settings": settings, "inputs": input_fingerprints(inputs)})


def is_manifest(content: Any) -> bool:
    """Whether the content of a JSON file is a manifest."""
    return isinstance(content, dict) and {"kind", "files", "fingerprint"} <= content.keys()


@dataclass(frozen=True)
class Provenance:
    """What a step's result comes from: all that decides it, and when the step began.

    Attributes:
        code: Module whose source decides the result, e.g. ``rlscale.training.train``.
        settings: All else that decides it apart from the inputs (JSON values).
        inputs: Name -> path of manifests or plain files that the step reads.
        used: Modules that it loads by names from the settings (``rlscale.core.code``).
        seed: The step's seed, or None when nothing is drawn.
        started: ``time.time()`` when it began.
    """

    code: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Path | str]
    used: Sequence[str] = ()
    seed: int | None = None
    started: float = field(default_factory=time.time)


def write_manifest(
    path: Path | str,
    provenance: Provenance,
    *,
    kind: str,
    name: str,
    files: Iterable[Path | str],
    status: str = "ok",
    reports: Iterable[Path | str] = (),
    noted: Mapping[str, Any] | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """Write a step's manifest, last, by rename, after its run record (``run_record``).

    Args:
        path: Where the manifest goes.
        provenance: What the result comes from, for the record.
        kind: Sort of step, e.g. ``data``, ``model``, ``train``, ``eval``.
        name: The thing made, e.g. a cell's path.
        files: Files that the step made and later steps read; each with its sha256 and size.
        status: ``ok``, or a deterministic end that is a result: ``diverged``, ``refused``.
        reports: Files that the step made for people to read; the record names them.
        noted: What only people read (counts, ...), for the record.
        **facts: What later steps read besides the files (parameter numbers, ...).

    Returns:
        The manifest as written.
    """
    if status not in STATUSES:
        raise ValueError(f"status {status!r} is none of {STATUSES}")
    record = {
        "settings": dict(provenance.settings),
        "inputs": input_fingerprints(provenance.inputs),
        "seed": provenance.seed,
        "files": _entries(reports),
        **(noted or {}),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(provenance.started)),
        "seconds": round(time.time() - provenance.started, 2),
        "code": _code_of(provenance.code, provenance.used),
        "machine": machine(),
    }
    write_json(run_record(path), record)
    manifest = sealed(kind=kind, name=name, status=status, files=_entries(files), **facts)
    write_json(path, manifest)
    return manifest


def _code_of(module: str, used: Sequence[str]) -> dict[str, Any]:
    """The source that decided a result, and the packages that it ran with, for the record."""
    return {
        "module": module,
        "used": sorted(used),
        "digest": code_digest(module, *used),
        "versions": package_versions(),
        "lock": installed_lock(),
    }


def sealed(**content: Any) -> dict[str, Any]:
    """A manifest of this content: with its fingerprint."""
    return {**content, "fingerprint": fingerprint(content)}


def _entries(files: Iterable[Path | str]) -> list[dict[str, Any]]:
    return [
        {"path": str(file), "sha256": file_sha256(file), "bytes": Path(file).stat().st_size}
        for file in sorted(map(str, files))
    ]


def run_record(path: Path | str) -> Path:
    """Where the record of the run that wrote a manifest stands."""
    return Path(path).with_suffix(".run.json")


def read_record(path: Path | str) -> dict[str, Any]:
    """The run record of a manifest: what it was made from.

    Args:
        path: Path of the manifest.

    Raises:
        StudyError: There is none.
    """
    return read_json(run_record(path))


def read_manifest(path: Path | str, kind: str | None = None) -> dict[str, Any]:
    """Read a manifest and check that it is a whole one (of the given kind).

    Raises:
        StudyError: It is none, is of another kind, or was changed by hand.
    """
    manifest = read_json(path)
    if not is_manifest(manifest):
        raise StudyError(f"{path}: not a manifest (no 'fingerprint'); remove it and run again")
    check_entries(manifest["files"], path)
    if kind is not None and manifest["kind"] != kind:
        raise StudyError(f"{path}: a manifest of kind '{manifest['kind']}', expected '{kind}'")
    if manifest["fingerprint"] != fingerprint(manifest):
        raise StudyError(
            f"{path}: does not say what was written: changed by hand, or of an earlier version of "
            "rlscale; remove it and run again"
        )
    return manifest


def check_entries(files: Any, where: Path | str) -> None:
    """Refuse what is no list of files as a manifest or its run record has it.

    Raises:
        StudyError: An entry lacks its path, sha256 or size; ``where`` is named.
    """
    kinds = {"path": str, "sha256": str, "bytes": int}
    for entry in files if isinstance(files, list) else [None]:
        if not isinstance(entry, dict) or not all(
            isinstance(entry.get(key), kind) for key, kind in kinds.items()
        ):
            raise StudyError(
                f"{where}: its list of files is not one of path, sha256 and bytes; remove it and "
                "run again"
            )


def verify_files(manifest: Mapping[str, Any], root: Path | str = ".") -> None:
    """Check every file that a manifest names against its size and sha256.

    Raises:
        StudyError: A file is missing, truncated or has other bytes; the message names it.
    """
    for entry in manifest["files"]:
        _verify(Path(root) / entry["path"], entry, manifest["name"])


def verify_file(manifest: Mapping[str, Any], path: Path) -> None:
    """Check one of the files that a manifest names, as ``verify_files`` checks all.

    Raises:
        StudyError: It is not named, or ``verify_files`` would refuse it.
    """
    entry = next((entry for entry in manifest["files"] if entry["path"] == str(path)), None)
    if entry is None:
        raise StudyError(f"{path}: the manifest of {manifest['name']} does not name it")
    _verify(path, entry, manifest["name"])


def check_owned(manifest: Mapping[str, Any], folder: Path | str) -> None:
    """Refuse what lies in a folder and is not named by the manifest of what was put there.

    Libraries load what they find: an adapter or added tokens beside the weights change a model
    whose named files all hold.

    Raises:
        StudyError: A file is not named, or is a link or a folder; the message names it.
    """
    named = {Path(entry["path"]).name for entry in manifest["files"]
             if Path(entry["path"]).parent == Path(folder)}  # fmt: skip
    for path in sorted(Path(folder).iterdir()):
        if path.is_symlink() or not path.is_file():
            raise StudyError(f"{path}: a link or a folder among the files of {manifest['name']}; "
                             "remove it")  # fmt: skip
        if path.name not in named and path.name not in NOT_READ:
            raise StudyError(
                f"{path}: the manifest of {manifest['name']} does not name it, and libraries would "
                "read it with the files that it names; remove it"
            )


def _verify(path: Path, entry: Mapping[str, Any], name: str) -> None:
    if not path.exists():
        raise StudyError(f"{path}: named by the manifest of {name}, but missing")
    if path.stat().st_size != entry["bytes"]:
        raise StudyError(
            f"{path}: {path.stat().st_size} bytes where the manifest of {name} "
            f"says {entry['bytes']}: truncated or overwritten; remove it and run again"
        )
    if file_sha256(path) != entry["sha256"]:
        raise StudyError(f"{path}: bytes differ from the manifest of {name}")
