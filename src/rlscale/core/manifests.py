"""Manifests: the small files that rules hand each other instead of big ones.

A manifest says what was made (files with sha256) and from what (settings, the fingerprints of the
inputs). It is written last, by rename, so that its presence means that everything it names is
complete. Equal settings and inputs give an equal manifest, byte for byte, where the files are
equal too; what differs between such runs (times, code digest, package versions) stands beside it
in ``<name>.run.json``. So a step that had to be made again and came out the same does not force
the steps that read its manifest.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlscale.core.code import code_digest
from rlscale.core.digests import digest, installed_lock, package_versions
from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256, read_json, write_json

STATUSES = ("ok", "diverged", "refused")


def fingerprint(settings: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Digest of what decides a step's result: its settings and its inputs' fingerprints."""
    return digest({"settings": settings, "inputs": inputs})


def input_fingerprints(paths: Mapping[str, Path | str]) -> dict[str, str]:
    """Fingerprints of a step's inputs: a manifest's own, or the sha256 of any other file."""
    result = {}
    for name, path in paths.items():
        path = Path(path)
        if not path.exists():
            raise StudyError(f"{path}: input '{name}' does not exist")
        result[name] = _fingerprint_of(path) or file_sha256(path)
    return result


def _fingerprint_of(path: Path) -> str | None:
    """The fingerprint in a manifest; None where a file is none, such as a data set in JSON."""
    if path.suffix != ".json":
        return None
    try:
        manifest = read_json(path)
    except StudyError:
        return None
    return manifest.get("fingerprint") if isinstance(manifest, dict) else None


def write_manifest(
    path: Path | str,
    *,
    kind: str,
    name: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Path | str],
    files: Iterable[Path | str],
    seed: int | None,
    started: float,
    code: str,
    used: Sequence[str] = (),
    status: str = "ok",
    **extra: Any,
) -> dict[str, Any]:
    """Write a step's manifest, last, by rename, after its run record (``run_record``).

    Args:
        path: Where the manifest goes.
        kind: Sort of step, e.g. ``data``, ``model``, ``train``, ``eval``.
        name: The thing made, e.g. a cell's path.
        settings: All that decides the result apart from the inputs (JSON values).
        inputs: Name -> path of manifests or plain files that the step read.
        files: Files that the step made; each is recorded with its sha256 and size.
        seed: The step's seed, or None when nothing is drawn.
        started: ``time.time()`` when the step started.
        code: Module whose source decides the result, e.g. ``rlscale.training.train``.
        used: Modules that it loaded by names from the settings (``rlscale.core.code``).
        status: ``ok``, or a deterministic end that is a result: ``diverged``, ``refused``.
        **extra: Further facts that readers need (counts, parameter numbers, ...).

    Returns:
        The manifest as written.
    """
    if status not in STATUSES:
        raise ValueError(f"status {status!r} is none of {STATUSES}")
    fingerprints = input_fingerprints(inputs)
    manifest = {
        "kind": kind,
        "name": name,
        "status": status,
        "fingerprint": fingerprint(settings, fingerprints),
        "inputs": fingerprints,
        "settings": dict(settings),
        "seed": seed,
        "files": [
            {"path": str(file), "sha256": file_sha256(file), "bytes": Path(file).stat().st_size}
            for file in sorted(map(str, files))
        ],
        **extra,
    }
    run = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 2),
        "code": {
            "module": code,
            "used": sorted(used),
            "digest": code_digest(code, *used),
            "versions": package_versions(),
            "lock": installed_lock(),
        },
    }
    write_json(run_record(path), run)
    write_json(path, manifest)
    return manifest


def run_record(path: Path | str) -> Path:
    """Where the times, code and versions of the run that wrote a manifest stand."""
    return Path(path).with_suffix(".run.json")


def read_manifest(path: Path | str, kind: str | None = None) -> dict[str, Any]:
    """Read a manifest and check that it is one (of the given kind)."""
    manifest = read_json(path)
    if not isinstance(manifest, dict) or "fingerprint" not in manifest:
        raise StudyError(f"{path}: not a manifest (no 'fingerprint'); remove it and run again")
    if kind is not None and manifest["kind"] != kind:
        raise StudyError(f"{path}: a manifest of kind '{manifest['kind']}', expected '{kind}'")
    return manifest


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
