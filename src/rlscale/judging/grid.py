"""The verifier of grids: a table of attributes within answer tags."""

import ast
import json
import re
from typing import Any

from rlscale.judging.verdicts import Verdict

_TAG = re.compile(r"</?answer>", re.IGNORECASE)
_FENCED = re.compile(r"```\w*+[ \t]*+\n(.*)```", re.DOTALL)
_LONGEST = 100_000


class Grid:
    """The whole grid within the last pair of ``<answer>`` tags equals the gold grid.

    A grid is ``{"header": [column, ...], "rows": [[value, ...], ...]}``. Its columns may stand in
    another order, its rows in another order of their positions; letter case, and spaces or hyphens
    within a cell, do not matter.
    """

    pooled = True
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """What stands in the last answer tags that hold something; the end may be missing."""
        tags = list(_TAG.finditer(response))
        end = len(response)
        for tag in reversed(tags):
            inner = response[tag.end() : end].strip()
            end = tag.start()
            if not tag.group().startswith("</") and inner:
                fenced = _FENCED.fullmatch(inner)
                return fenced.group(1).strip() if fenced else inner
        return None

    def respond(self, answer: str) -> str:
        """The grid within answer tags."""
        return f"<answer>{answer}</answer>"

    def usable(self, gold: str) -> bool:
        """Whether the gold is a grid."""
        return read_grid(gold) is not None

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare whole grids; an answer that is no grid is unparsed."""
        found = read_grid(answer)
        if found is None:
            return Verdict("unparsed", answer, "no grid")
        return Verdict("correct" if found == read_grid(gold) else "wrong", answer)


def read_grid(text: str) -> frozenset[frozenset[tuple[str, str]]] | None:
    """A grid as a set of rows, each a set of (column, value); None where the text is no grid."""
    if len(text) > _LONGEST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
            header = [_cell(name) for name in value["header"]]
            rows = [[_cell(cell) for cell in row] for row in value["rows"]]
        except (ValueError, TypeError, KeyError, SyntaxError, MemoryError, RecursionError):
            continue
        if header and rows and all(len(row) == len(header) for row in rows):
            return frozenset(frozenset(zip(header, row, strict=True)) for row in rows)
    return None


def _cell(value: Any) -> str:
    if not isinstance(value, str | int):
        raise TypeError(f"{value!r} is no cell of a grid")
    return " ".join(str(value).replace("-", " ").split()).casefold()


GRID = Grid()
