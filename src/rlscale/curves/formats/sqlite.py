"""What trackio's and MLflow's local stores share: SQLite files.

An SQLite file can hold programs: views, virtual tables and generated columns, whose rows are made
as they are read and never end. Only what is stored is read, and no more than a file may open to.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.files import check_regular
from rlscale.core.swelling import check_swelling, most_bytes

if TYPE_CHECKING:
    import pandas

_LONGEST = 1 << 24  # bytes of a value or of a row
_NUMBER = 8  # bytes that count for what is no text


@contextlib.contextmanager
def opened(path: Path, whose: str, needed: str) -> Iterator[sqlite3.Connection]:
    """A store, for reading alone.

    Raises:
        StudyError: It is no SQLite file, is damaged, or lacks the table ``needed``.
    """
    check_regular(path)
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        with contextlib.closing(connection):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            connection.execute("pragma trusted_schema = off")
            if needed not in tables_of(connection):
                raise StudyError(f"{path}: no table '{needed}': not a store of {whose}")
            yield connection
    except sqlite3.Error as error:
        raise StudyError(f"{path}: cannot be read as SQLite ({error})") from None


def tables_of(connection: sqlite3.Connection) -> set[str]:
    """Names of the tables in a store; what makes its rows as it is read (virtual) is none."""
    found = connection.execute(
        "select name from sqlite_master where type = 'table' and sql like 'create table %'"
    )
    return {name for (name,) in found}


def rows_of(
    connection: sqlite3.Connection, table: str, path: Path, needed: Sequence[str]
) -> "pandas.DataFrame":
    """A table in the order in which it was written; empty where there is none.

    Args:
        connection: The store.
        table: Its name.
        path: The store's file, for messages.
        needed: Columns that it must have.

    Raises:
        StudyError: It lacks one of them, has columns that are computed, or opens to far more than
            the file holds.
    """
    import pandas

    if table not in tables_of(connection):
        return pandas.DataFrame(columns=list(needed))
    columns = list(connection.execute("select name, hidden from pragma_table_xinfo(?)", [table]))
    names = [name for name, _ in columns]
    lacking = [name for name in needed if name not in names]
    if lacking or any(hidden for _, hidden in columns):
        wrong = f"lacks '{lacking[0]}'" if lacking else "has columns that are computed"
        raise StudyError(f"{path}: its table '{table}' {wrong}: not what the tracker writes")
    rows, taken, most = [], 0, most_bytes(path)
    for row in connection.execute(f"select * from {table} order by rowid"):
        rows.append(row)
        taken += sum(len(value) if isinstance(value, str | bytes) else _NUMBER for value in row)
        if taken > most:
            check_swelling(path, taken)
    return pandas.DataFrame(rows, columns=names)
