"""Registries: names, near matches, lazy loading, entry points of other packages."""

import importlib.metadata
import sys

import pytest

from rlscale.core import registry as registries
from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry


@pytest.fixture
def shapes(monkeypatch):
    """A registry of two own things, and what other packages add (to be filled by the test)."""
    points = []
    monkeypatch.setattr(registries, "entry_points", lambda group: points)
    own = {"path": "pathlib:Path", "digest": "hashlib:sha256"}
    return Registry("shape", "rlscale.shapes", own), points


def point(name, value):
    return importlib.metadata.EntryPoint(name=name, value=value, group="rlscale.shapes")


def test_a_name_gives_its_thing(shapes):
    registry, _ = shapes
    import hashlib

    assert registry.get("digest") is hashlib.sha256
    assert registry.names() == ["path", "digest"]
    assert registry.module("digest") == "hashlib"


def test_a_light_thing_may_stand_in_the_registry_itself(shapes):
    line = ["a", "line"]
    registry = Registry("shape", "rlscale.shapes", {"line": line})
    assert registry.get("line") is line
    assert registry.module("line") == "builtins"


def test_another_package_adds_to_it_and_nothing_is_imported_before_it_is_asked_for(shapes):
    registry, points = shapes
    points.append(point("colour", "colorsys:rgb_to_hsv"))
    sys.modules.pop("colorsys", None)
    assert registry.names() == ["path", "digest", "colour"]
    assert "colorsys" not in sys.modules
    assert registry.get("colour")(1, 0, 0) == (0.0, 1.0, 1)


@pytest.mark.parametrize(
    ("name", "words"),
    [("digst", "did you mean digest"), ("zzz", "known: path, digest")],
)
def test_an_unknown_name_is_refused_with_near_ones(shapes, name, words):
    registry, _ = shapes
    with pytest.raises(StudyError, match=words) as error:
        registry.check(name, "fit.law")
    assert str(error.value).startswith(f"fit.law: unknown shape '{name}'")


def test_a_name_added_twice_is_refused(shapes):
    registry, points = shapes
    points.append(point("path", "other:Path"))
    with pytest.raises(StudyError, match="two packages add the shape 'path'"):
        registry.names()


def test_what_cannot_be_imported_is_named(shapes):
    registry, points = shapes
    points.append(point("gone", "no_such_module_here:x"))
    with pytest.raises(StudyError, match="'gone' cannot be loaded from no_such_module_here:x"):
        registry.get("gone")
