"""The sandbox as on machines that allow less, and what a program of the tests must do."""

import pytest

from rlscale.judging import sandbox
from rlscale.judging.sandbox import Exam, check

TESTS = "def check(f):\n    assert f(2) == 4\n    assert f(-3) == 9\ncheck(square)"
HONEST = "def square(x):\n    return x * x\n"


def verdict(solution, **limits):
    limits = {"cpu_seconds": 2, "wall_seconds": 20.0, **limits}
    return check(Exam(solution, "square", TESTS, **limits))


@pytest.fixture(params=["namespaces", "landlock", "filter"])
def mode(request, tmp_path, monkeypatch):
    """The sandbox as on machines that allow less, by taking it away from the child."""
    source = sandbox._CHILD.read_text()
    weaker = source
    if request.param != "namespaces":
        weaker = weaker.replace("if _libc.unshare(sum(new.values())):", "if True:")
        assert weaker != source
    if request.param == "filter":
        before = weaker
        weaker = weaker.replace("    if version < 1:", "    if True:")
        assert weaker != before
    folder = tmp_path / "child"
    folder.mkdir()
    (folder / "child.py").write_text(weaker)
    monkeypatch.setattr(sandbox, "_CHILD", folder / "child.py")
    held = verdict(HONEST).isolation
    if held != request.param:
        pytest.skip(f"this kernel gives '{held}' where '{request.param}' is tried")
    return held
