"""Digests of code: what it does counts, where it stands and how it is written do not."""

import ast
import importlib.metadata
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rlscale.core import code
from rlscale.core.code import code_digest
from rlscale.core.errors import StudyError

MAKER = '''"""Doc."""
from collections.abc import Sequence
import json
from {top}.helper import f as function
from {top} import tool


def g(values: Sequence[int]) -> int:
    """Doc."""
    command = ["python", "-m", "{top}.worker"]
    page = Path(__file__).with_name("page.html")
    child = Path(__file__).with_name("child.py")
    return function() + tool.h(values) + 1
'''
FILES = {
    "__init__.py": "",
    "maker.py": MAKER,
    "helper.py": "def f():\n    return 1\n",
    "tool.py": "from {top}.deep import d\n\ndef h(values):\n    return d\n",
    "deep.py": "d = 1\n",
    "worker.py": "print(1)\n",
    "child.py": '"""Run as a script."""\nprint(2)\n',
    "page.html": "<p>page</p>",
    "other.py": "x = 1\n",
}
numbers = itertools.count()


class Package:
    """A package that can be imported, with ``maker`` and what it loads."""

    def __init__(self, folder: Path, name: str, files: dict[str, str]) -> None:
        self.folder, self.name = folder / name, name
        for file, text in files.items():
            self.write(file, text.replace("{top}", name))

    def write(self, file: str, text: str) -> None:
        (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / file).write_text(text)

    def replace(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        self.write(file, text.replace(old, new))

    def move(self, file: str, place: str, *, importers: tuple[str, ...]) -> None:
        """Move a module; in its importers the paths change, and nothing else."""
        old, new = (path.removesuffix(".py").replace("/", ".") for path in (file, place))
        text = (self.folder / file).read_text()
        (self.folder / file).unlink()
        self.write(place, text)
        (self.folder / place).with_name("__init__.py").touch()
        for importer in importers:
            self.replace(importer, f"{self.name}.{old}", f"{self.name}.{new}")

    def digest(self, module: str, *used: str) -> str:
        return code_digest(*(f"{self.name}.{name}" for name in (module, *used)))


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes packages that can be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(files: dict[str, str]) -> Package:
        return Package(tmp_path, f"toy{next(numbers)}", files)

    return make


@pytest.fixture
def package(make):
    return make(FILES)


@pytest.mark.parametrize(
    ("file", "old", "new", "counts"),
    [
        ("maker.py", "+ 1", "+ 1  # as in Eq. 3", False),
        ("maker.py", '"""Doc."""', '"""Another."""', False),
        ("maker.py", "function() + tool", "(function()\n            + tool", None),
        ("maker.py", ": Sequence[int]) -> int", ")", False),
        ("maker.py", "import json\n", "import pickle\n", True),
        ("maker.py", "+ 1", "+ 2", True),
        ("helper.py", "return 1", "return 2", True),
        ("deep.py", "d = 1", "d = 2", True),
        ("other.py", "x = 1", "x = 2", False),
        ("worker.py", "1", "2", True),
        ("child.py", "2", "3", True),
        ("child.py", "as a script", "as a program", False),
        ("page.html", "page", "pages", True),
    ],
)
def test_what_code_and_data_do_counts_and_nothing_else(package, file, old, new, counts):
    before = package.digest("maker")
    if counts is None:  # the bracket is closed, too
        package.replace(file, "+ 1\n", "+ 1)\n")
    package.replace(file, old, new)
    assert (package.digest("maker") != before) is bool(counts)


def test_types_alone_are_no_code(package):
    before = package.digest("maker")
    typed = "import json\nfrom typing import TYPE_CHECKING\n"
    package.replace("maker.py", "import json\n", typed)
    imported = package.digest("maker")
    package.replace(
        "maker.py", typed, typed + f"if TYPE_CHECKING:\n    from {package.name}.other import x\n"
    )
    assert package.digest("maker") == imported != before
    package.replace("other.py", "x = 1", "x = 2")
    assert package.digest("maker") == imported


def test_a_moved_module_is_the_same_code(package):
    before = package.digest("maker")
    package.move("helper.py", "rooms/first/assistant.py", importers=("maker.py",))
    package.move("deep.py", "rooms/deeper.py", importers=("tool.py",))
    package.move("worker.py", "rooms/worker.py", importers=("maker.py",))
    assert package.digest("maker") == before
    lines = (package.folder / "maker.py").read_text().splitlines()
    imports = [line for line in lines if line.startswith(("from", "import"))]
    rest = [line for line in lines if line not in imports]
    package.write("maker.py", "\n".join([rest[0], *sorted(imports), *rest[1:]]))
    assert package.digest("maker") == before


def test_a_module_moves_with_the_files_beside_it(package):
    before = package.digest("maker")
    for file in ("child.py", "page.html"):
        package.write(f"rooms/{file}", (package.folder / file).read_text())
        (package.folder / file).unlink()
    package.move("maker.py", "rooms/builder.py", importers=())
    assert package.digest("rooms.builder") == before


def test_a_renamed_module_that_is_used_by_its_name_is_the_same_code(package):
    before = package.digest("maker")
    package.replace("maker.py", "import tool", "import gadget")
    package.replace("maker.py", "tool.h(", "gadget.h(")
    package.move("tool.py", "gadget.py", importers=())
    assert package.digest("maker") == before


def test_the_same_name_from_another_module_is_other_code(make):
    files = {
        "__init__.py": "",
        "one.py": "def f():\n    return 1\n",
        "two.py": "def f():\n    return 2\n",
        "maker.py": "from {top}.one import f\nfrom {top} import two\nresult = f() + two.f()\n",
    }
    package = make(files)
    before = package.digest("maker")
    package.replace("maker.py", f"{package.name}.one import f", f"{package.name}.two import f")
    package.replace("maker.py", "import two\nresult = f() + two", "import one\nresult = f() + one")
    assert package.digest("maker") != before


REGISTRY = {
    "__init__.py": "",
    "user.py": "from {top}.things import THINGS\n\ndef use(name):\n    return THINGS.get(name)\n",
    "things.py": (
        "from rlscale.core.registry import Registry\n"
        'THINGS: Registry[int] = Registry("thing", "toy.things", {\n'
        '    "one": "{top}.one:ONE", "other_one": "{top}.one:OTHER", "two": "{top}.two:TWO",\n'
        "})\n"
    ),
    "one.py": "ONE, OTHER = 1, -1\n",
    "two.py": "from {top}.deep import d\nTWO = 2 * d\n",
    "deep.py": "d = 1\n",
}


def test_all_that_a_registry_lists_is_followed_where_nothing_says_what_is_used(make):
    package = make(REGISTRY)
    before = package.digest("user")
    package.replace("deep.py", "d = 1", "d = 2")
    assert package.digest("user") != before


def test_of_a_registry_what_is_used_counts_and_the_rest_does_not(make):
    package = make(REGISTRY)
    before, other = package.digest("user", "one"), package.digest("user", "two")
    package.replace("deep.py", "d = 1", "d = 2")
    assert package.digest("user", "one") == before
    assert package.digest("user", "two") != other
    package.replace("things.py", '"two"', '"three"')
    assert package.digest("user", "one") == before
    package.replace("things.py", '"one": "', '"third": "')
    assert package.digest("user", "one") != before


def test_an_entry_that_means_another_thing_of_its_module_is_other_code(make):
    package = make(REGISTRY)
    before = package.digest("user", "one")
    package.replace("things.py", "one:ONE", "one:OTHER")
    assert package.digest("user", "one") != before


def test_a_thing_that_another_package_adds_counts_by_its_content(make, monkeypatch):
    package = make(REGISTRY)
    plugin = make(
        {"__init__.py": "", "law.py": "from .parts import p\nLAW = p\n", "parts.py": "p = 1\n"}
    )
    point = importlib.metadata.EntryPoint("mine", f"{plugin.name}.law:LAW", "toy.things")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point])
    code._added.cache_clear()
    names = (f"{package.name}.user", f"{plugin.name}.law")
    before = code_digest(*names)
    package.replace("one.py", "1, -1", "2, -2")
    assert code_digest(*names) == before, "the package's own things are not used"
    plugin.replace("parts.py", "p = 1", "p = 2")
    assert code_digest(*names) != before
    code._added.cache_clear()


def test_a_result_of_moved_code_is_current_and_one_of_changed_code_is_not(make):
    package = make(REGISTRY)
    known = package.digest("user", "one")
    names = (f"{package.name}.user", [f"{package.name}.one"])
    assert code.is_current(*names, known)
    package.move("user.py", "rooms/user.py", importers=())
    package.move("one.py", "rooms/one.py", importers=("things.py",))
    assert code.is_current(*names, known)
    package.replace("rooms/one.py", "1, -1", "2, -2")
    assert not code.is_current(*names, known)
    (package.folder / "rooms/one.py").unlink()
    assert not code.is_current(*names, known)


def test_an_unknown_module_is_named(package):
    with pytest.raises(StudyError, match="absent_package: there is no such module"):
        code_digest(f"{package.name}.maker", "absent_package")


OWN = Path(importlib.util.find_spec("rlscale").origin).parent


def registries() -> list[tuple[Path, ast.Call]]:
    """Calls in the package that make a registry."""
    calls = []
    for file in sorted(OWN.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Registry":
                calls.append((file, node))
    return calls


@pytest.mark.parametrize(("file", "call"), registries(), ids=lambda part: getattr(part, "stem", ""))
def test_registries_of_the_package_can_be_followed(file, call):
    """Their tables are written out, or name nothing but things of their own module."""
    _, _, table = call.args
    try:
        targets = ast.literal_eval(table).values()
    except ValueError:
        assert "{__name__}:" in ast.unparse(table) or ": figure" in ast.unparse(table)
    else:
        assert all(importlib.util.find_spec(target.partition(":")[0]) for target in targets)


STEPS = [
    "training.train",
    "evaluation.evaluate",
    "data.prepare",
    "models.sources",
    "curves.assemble",
]


class Copy:
    """A copy of the package, whose digests another Python takes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "rlscale"
        shutil.copytree(OWN, self.folder, ignore=shutil.ignore_patterns("__pycache__"))

    def digests(self, *modules: str) -> list[str]:
        return self._print(f"map(code_digest, {[f'rlscale.{name}' for name in modules]})")

    def scorers(self, *verifiers: str) -> list[str]:
        """Digests of what judges by single verifiers."""
        modules = [f"rlscale.judging.{name}" for name in verifiers]
        return self._print(f"(code_digest('rlscale.judging.verifiers', v) for v in {modules})")

    def _print(self, expression: str) -> list[str]:
        call = f"print(*{expression})"
        command = [sys.executable, "-c", f"from rlscale.core.code import code_digest; {call}"]
        path = {**os.environ, "PYTHONPATH": str(self.folder.parent)}
        return subprocess.check_output(command, env=path, text=True).split()


def test_moved_rooms_change_no_digest_of_this_package(tmp_path):
    copy = Copy(tmp_path)
    before = copy.digests(*STEPS)
    (copy.folder / "judging").rename(copy.folder / "referees")
    (copy.folder / "core" / "files.py").rename(copy.folder / "core" / "disk_files.py")
    for file in copy.folder.rglob("*.py"):
        text = file.read_text().replace("rlscale.judging", "rlscale.referees")
        text = text.replace("rlscale.core.files", "rlscale.core.disk_files")
        file.write_text(text.replace("from rlscale import judging", "from rlscale import referees"))
    assert copy.digests(*STEPS) == before
    assert len(set(before)) == len(STEPS)


def test_the_sandboxes_program_is_part_of_the_scorer_of_programs(tmp_path):
    copy = Copy(tmp_path)
    programs, numbers = copy.scorers("program", "plain")
    child = copy.folder / "judging" / "sandbox_child.py"
    child.write_text(child.read_text().replace("_LINE_BYTES = 4 << 20", "_LINE_BYTES = 4 << 10"))
    assert copy.scorers("program", "plain") == [copy.scorers("program")[0], numbers]
    assert copy.scorers("program") != [programs]


OTHERS = sorted(
    {shutil.which(f"python3.{minor}") for minor in (10, 11, 12, 13, 14)} - {None}
    | {str(path) for path in Path.home().glob(".pyenv/versions/3.1*/bin/python")}
)


def test_a_digest_is_the_same_under_every_python():
    """Jobs may run on other Pythons: what 3.12 and 3.13 changed in trees is no change."""
    asked = ("rlscale.judging.workers", "rlscale.training.train", "rlscale.laws.straight")
    say = f"from rlscale.core.code import code_digest; print(*map(code_digest, {asked}))"
    expected = " ".join(map(code_digest, asked))
    tried = 0
    for python in OTHERS:
        told = subprocess.run(
            [python, "-c", say],
            env={"PYTHONPATH": str(Path(code.__file__).parents[2]), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        if told.returncode == 0:  # else a pyenv's name without its version
            assert told.stdout.strip() == expected, python
            tried += 1
    if not tried:
        pytest.skip("no other Python is on this machine")


def test_an_empty_field_of_a_syntax_tree_says_nothing():
    """What `ast.dump` told differently from version to version (type_params, empty lists)."""
    tree = ast.parse("def f():\n    return None")
    assert code._spelled(tree) == (
        "Module(body=[FunctionDef(name='f', args=arguments(), body=[Return(value=Constant())])])"
    )
