"""A problem reader: a line per problem, its answer behind a tab."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rlscale.data.layouts import Layout, Row


def lines(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Rows of a file; a line without a tab cannot be read."""
    for line in path.read_text(encoding="utf-8").splitlines():
        problem, tab, answer = line.partition("\t")
        yield {"problem": problem, "answer": answer} if tab else "no tab in the line"


TABBED = Layout({"problem": ["problem"], "answer": ["answer"]}, rows=lines)
