"""docs/python.md: its examples run, and it names all that is public."""

import doctest
import json
from pathlib import Path

import pytest

import rlscale
from rlscale.curves import api

PAGE = Path(__file__).parents[2] / "docs/python.md"
NOTEBOOK = PAGE.with_name("own_runs.ipynb")


def test_the_examples_run():
    options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=options)
    assert found.attempted > 10
    assert found.failed == 0
    assert doctest.testmod(api) == (0, 1)


def test_it_names_all_that_is_public():
    page = PAGE.read_text()
    for name in rlscale._PUBLIC:
        assert f"`{name}`" in page or f"{name}(" in page, name


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert (tmp_path / "law.png").stat().st_size > 5_000
    assert [size.model for size in names["base"].sizes] == [
        "qwen2.5-0.5b",
        "qwen2.5-1.5b",
        "qwen2.5-7b",
    ]
    assert names["found"].low < names["found"].estimate < names["found"].high
    assert "learns more per unit of log x" in capsys.readouterr().out
    assert not any(cell.get("outputs") for cell in cells)
