"""What trackio's and MLflow's local stores share: SQLite files."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import pandas


@contextlib.contextmanager
def opened(path: Path, whose: str, needed: str) -> Iterator[sqlite3.Connection]:
    """A store, for reading alone.

    Raises:
        StudyError: It is no SQLite file, or lacks the table ``needed``.
    """
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        if needed not in tables_of(connection, path):
            raise StudyError(f"{path}: no table '{needed}': not a store of {whose}")
        yield connection
    finally:
        connection.close()


def tables_of(connection: sqlite3.Connection, path: Path) -> set[str]:
    """Names of the tables in a store."""
    try:
        found = connection.execute("select name from sqlite_master where type = 'table'")
        return {name for (name,) in found}
    except sqlite3.DatabaseError as error:
        raise StudyError(f"{path}: cannot be read as SQLite ({error})") from None


def rows_of(connection: sqlite3.Connection, table: str, path: Path) -> "pandas.DataFrame":
    """A table in the order in which it was written; empty where there is none."""
    import pandas

    if table not in tables_of(connection, path):
        return pandas.DataFrame()
    return pandas.read_sql_query(f"select * from {table} order by rowid", connection)
