"""docs/python.md: its examples run, and it names all that is public."""

import doctest
from pathlib import Path

import rlscale
from rlscale.curves import api

PAGE = Path(__file__).parents[2] / "docs/python.md"


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
