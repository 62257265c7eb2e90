"""docs/glossary.md: every configuration key and column of curves.csv, each with one meaning."""

import re
from pathlib import Path

import pytest
import yaml

from rlscale.core.tables import CURVE_COLUMNS
from rlscale.study.config_table import parts_of

ROOT = Path(__file__).parents[2]
BORROWED = {
    "grpo",
    "lora",
    "made",
    "architecture",
    "engine",
}  # keys below these are those of other libraries


def rows() -> list[list[str]]:
    """All rows of the glossary's tables: term, symbol and unit, meaning, names."""
    lines = (ROOT / "docs/glossary.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in cells if row[0] != "term" and not row[0].startswith("---")]


ROWS = rows()
NAMES = {name: row[0] for row in ROWS for name in re.findall(r"`([\w.]+)`", row[3])}


def configuration_keys() -> set[str]:
    """Every key's path, without the names of one's own choice and the lists' brackets."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    found = set()
    for name, section in schema["properties"].items():
        found.add(name)
        for key, _ in parts_of(section, name, schema):
            parts = [part.removesuffix("[]") for part in key.split(".")]
            if not BORROWED & set(parts[:-1]):
                found.add(".".join(part for part in parts if part != "<name>"))
    return found


def term(path: str) -> str | None:
    """The term of a key: by its path, else by ever shorter ends of it."""
    parts = path.split(".")
    tries = [".".join(parts[i:]) for i in range(len(parts))]
    ends = [f"{parts[i]}.{parts[-1]}" for i in range(len(parts) - 1)]  # a section, then the key
    return next(
        (NAMES[name] for name in [*tries[:-1], *ends[::-1], tries[-1]] if name in NAMES), None
    )


@pytest.mark.parametrize("column", CURVE_COLUMNS)
def test_every_column_of_curves_has_a_term(column):
    assert column in NAMES


def test_every_key_has_a_term():
    assert sorted(key for key in configuration_keys() if term(key) is None) == []


def test_a_name_and_a_term_stand_once():
    named = [name for row in ROWS for name in re.findall(r"`([\w.]+)`", row[3])]
    assert sorted({name for name in named if named.count(name) > 1}) == []
    terms = [row[0] for row in ROWS]
    assert sorted({name for name in terms if terms.count(name) > 1}) == []


def test_nothing_stands_there_that_is_gone():
    known = {*CURVE_COLUMNS}
    for path in configuration_keys():
        parts = path.split(".")
        known |= {".".join(parts[i:]) for i in range(len(parts))}
        known |= {f"{part}.{parts[-1]}" for part in parts[:-1]}
    assert sorted(set(NAMES) - known) == []
