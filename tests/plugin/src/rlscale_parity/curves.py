"""A curve reader: log lines such as ``step=10 reward=0.25``."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas


def read_pairs(path: Path) -> "pandas.DataFrame":
    """A row per line, a column per name."""
    import pandas

    rows = [
        dict(pair.split("=", 1) for pair in line.split())
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return pandas.DataFrame(rows).apply(pandas.to_numeric)
