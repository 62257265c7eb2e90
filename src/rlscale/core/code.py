"""Digests of code by its content: a change of what it does counts, a move of files does not."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256

_OWN = "<own>"  # stands in a syntax tree for the name of a module or file
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_MOVES = 100  # ways in which modules may have moved that are tried
_FILE_NAME = re.compile(r"[\w-]+(?:[./][\w-]+)*\.\w+")


def code_digest(module: str, *used: str) -> str:
    """Digest of modules and of all that they load of their packages, by content alone.

    Counted is what the code does: comments, docstrings, types of functions, formatting, and the
    names and places of modules and files do not count. Followed are imports, modules that a string
    names (``"rlscale.judging.workers"``, ``"rlscale.laws.straight:Power"``, ``"python -m
    rlscale.jobs.launcher"``) and files beside a module that it names (``"sandbox_child.py"``). Of
    a ``Registry`` to which a module given here belongs, these alone are followed; of any other,
    all that the package itself puts in.

    Args:
        module: A module of this package or of another one that is installed.
        *used: Modules that it loads by names that stand in the configuration.

    Raises:
        StudyError: There is no such module.
    """
    asked = {module, *used}
    packages = _find_packages({"rlscale", *(name.partition(".")[0] for name in asked)})
    chosen = {_file_of(name, packages) for name in asked}
    closure: dict[Path, str] = {}
    waiting = list(chosen)
    while waiting:
        file = waiting.pop()
        if file in closure:
            continue
        source = _read(file, packages)
        entries = [entry for each in source.registries for entry in _followed(each, chosen, asked)]
        closure[file] = _whole(source, entries, packages)
        waiting += [entry.file for entry in entries] + source.named
        waiting += [loaded.file for loaded in source.imports]
    return digest(sorted(closure.values()))


def is_current(module: str, used: Sequence[str], known: str) -> bool:
    """Whether code is as it was when its digest was taken.

    Args:
        module: As it was given to ``code_digest``; it and those used may have moved since.
        used: As they were given.
        known: The digest.
    """
    names = (module, *used)
    if not all(isinstance(name, str) and _DOTTED.fullmatch(name) for name in names):
        return False  # a record that no step of ours has written
    places = itertools.islice(itertools.product(*map(_places, names)), _MOVES)
    return any(code_digest(*names) == known for names in places)


def _places(name: str) -> list[str]:
    """Names under which a module may be found: its own, or where it has moved."""
    packages = _find_packages({name.partition(".")[0]})
    if _find(name, packages):
        return [name]
    last = name.rpartition(".")[2]
    return [
        ".".join(path.relative_to(folder).parts)
        for root, folder in packages
        for found in (
            (file.with_suffix("") for file in (folder / root).rglob(f"{last}.py")),
            (file.parent for file in (folder / root).rglob(f"{last}/__init__.py")),
        )
        for path in found
    ]


# Where the packages stand whose modules are followed: name -> the folder that holds it.
_Packages = tuple[tuple[str, Path], ...]


def _find_packages(names: Collection[str]) -> _Packages:
    found = []
    for name in sorted(names):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found.append((name, Path(spec.submodule_search_locations[0]).parent))
        elif spec is not None and spec.origin is not None:
            found.append((name, Path(spec.origin).parent))
    return tuple(found)


def _file_of(name: str, packages: _Packages) -> Path:
    file = _find(name, packages)
    if file is None:
        raise StudyError(f"{name}: there is no such module; is its package installed?")
    return file


def _find(name: str, packages: _Packages) -> Path | None:
    """File of a module of these packages, or None where it is none."""
    folder = dict(packages).get(name.partition(".")[0])
    if folder is None:
        return None
    base = folder.joinpath(*name.split("."))
    files = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((file for file in files if file.is_file()), None)


@dataclass(frozen=True)
class _Import:
    """What a module takes from another one; no names where it takes the module itself."""

    file: Path
    name: str = ""
    bound: str = ""


@dataclass(frozen=True)
class _Entry:
    """A thing that a registry lists: its name, the module's file and the attribute there."""

    name: str
    file: Path
    attribute: str


@dataclass(frozen=True)
class _Registry:
    """A registry as its call in a module makes it."""

    group: str
    entries: tuple[_Entry, ...]


@dataclass
class _Source:
    """A file as its digest needs it.

    Attributes:
        content: Digest of what it says, without what it loads and how that is called.
        imports: What it imports.
        named: Files that its strings and names mean, in order.
        registries: Registries that it makes.
    """

    content: str = ""
    imports: set[_Import] = field(default_factory=set)
    named: list[Path] = field(default_factory=list)
    registries: list[_Registry] = field(default_factory=list)


def _followed(registry: _Registry, chosen: set[Path], asked: set[str]) -> list[_Entry]:
    """The entries of a registry that count: those asked for, or all where none is."""
    own = [entry for entry in registry.entries if entry.file in chosen]
    if own or asked & _added(registry.group):
        return own
    return list(registry.entries)


@cache
def _added(group: str) -> set[str]:
    """Modules that packages add to a registry."""
    return {point.module for point in importlib.metadata.entry_points(group=group)}


def _whole(source: _Source, entries: list[_Entry], packages: _Packages) -> str:
    """Digest of a file with what it loads in the place of the names of that."""

    def said(file: Path) -> str:
        return _read(file, packages).content

    return digest(
        [
            source.content,
            sorted([said(loaded.file), loaded.name, loaded.bound] for loaded in source.imports),
            [said(file) for file in source.named],
            sorted([entry.name, said(entry.file), entry.attribute] for entry in entries),
        ]
    )


def _spelled(node: object) -> str:
    """A syntax tree as text that is the same under every Python.

    Fields that hold nothing are left out: newer Pythons have more of them, and ``ast.dump`` tells
    of them or not by its version.
    """
    if isinstance(node, ast.AST):
        fields = ((name, getattr(node, name, None)) for name in node._fields)
        told = (f"{name}={_spelled(value)}" for name, value in fields if value not in (None, []))
        return f"{type(node).__name__}({', '.join(told)})"
    if isinstance(node, list):
        return f"[{', '.join(map(_spelled, node))}]"
    return repr(node)


def _read(file: Path, packages: _Packages) -> _Source:
    status = file.stat()
    return _read_once(file, status.st_mtime_ns, status.st_size, packages)


@cache
def _read_once(file: Path, _time: int, _size: int, packages: _Packages) -> _Source:
    if file.suffix != ".py":
        return _Source(file_sha256(file))
    reader = _Reader(file, packages)
    tree = reader.visit(ast.parse(file.read_text(encoding="utf-8")))
    reader.source.content = hashlib.sha256(_spelled(tree).encode()).hexdigest()
    return reader.source


class _Reader(ast.NodeTransformer):
    """Takes out of a syntax tree what does not count, and notes what the module loads."""

    def __init__(self, file: Path, packages: _Packages) -> None:
        self.source = _Source()
        self._file = file
        self._packages = packages
        self._modules: dict[str, Path] = {}  # name in this module -> the module that it means
        roots = "|".join(re.escape(name) for name, _ in packages)
        self._dotted = re.compile(rf"\b(?:{roots})(?:\.[A-Za-z_]\w*)+")

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        foreign = []
        for alias in node.names:
            file = _find(alias.name, self._packages)
            if file is None:
                foreign.append(alias)
                continue
            self.source.imports.add(_Import(file))
            if alias.asname:
                self._modules[alias.asname] = file
        node.names = foreign
        return node if foreign else None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        base = self._absolute(node)
        package = _find(base, self._packages)
        if package is None:
            return node
        for alias in node.names:
            module = _find(f"{base}.{alias.name}", self._packages)
            if module is None:
                bound = alias.asname or alias.name
                self.source.imports.add(_Import(package, alias.name, bound))
            else:
                self.source.imports.add(_Import(module))
                self._modules[alias.asname or alias.name] = module
        return None

    def _absolute(self, node: ast.ImportFrom) -> str:
        """Full name of the module that an import is from."""
        if not node.level:
            return node.module or ""
        folder = self._file.parents[node.level - 1]
        for name, place in self._packages:
            if folder.is_relative_to(place / name):
                parts = [*folder.relative_to(place).parts, *filter(None, [node.module])]
                return ".".join(parts)
        return ""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return [self.visit(statement) for statement in node.orelse]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self._modules:
            return node
        self.source.named.append(self._modules[node.id])
        return ast.Name(_OWN, node.ctx)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str):
            return node
        beside = self._file.parent / node.value
        if _FILE_NAME.fullmatch(node.value) and beside.is_file():
            self.source.named.append(beside)
            return ast.Constant(_OWN)
        return ast.Constant(self._dotted.sub(self._note, node.value))

    def _note(self, found: re.Match[str]) -> str:
        """Note the module that a dotted name begins with; what comes after it stays."""
        parts = found.group().split(".")
        for length in range(len(parts), 1, -1):
            file = _find(".".join(parts[:length]), self._packages)
            if file is not None:
                self.source.named.append(file)
                return ".".join([_OWN, *parts[length:]])
        return found.group()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        registry = self._registry(node)
        if registry is None:
            return self.generic_visit(node)
        self.source.registries.append(registry)
        return ast.Constant(registry.group)

    def _registry(self, node: ast.Call) -> _Registry | None:
        """The registry that a call makes of a table of plain text, or None."""
        function = node.func.value if isinstance(node.func, ast.Subscript) else node.func
        if not isinstance(function, ast.Name) or function.id != "Registry":
            return None
        try:
            _, group, own = (ast.literal_eval(argument) for argument in node.args)
            targets = {name: target.partition(":") for name, target in own.items()}
        except (ValueError, AttributeError):
            return None
        return _Registry(
            group,
            tuple(
                _Entry(name, _file_of(module, self._packages), attribute)
                for name, (module, _, attribute) in targets.items()
            ),
        )

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._without_docstring(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._without_docstring(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def _without_docstring(
        self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    ) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)
