"""Names in tables: what a name may consist of, so that it is text wherever it is shown.

Names of models, families and benchmarks go into file names, figures, pages and spreadsheets.
Markup of none of these is in a label: no control characters, quotes, ``$``, ``<`` or ``|``, and no
sign in front that a spreadsheet would take for the beginning of a formula.
"""

import re
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import pandas

# The configuration's schema has the same pattern (x-names, label).
LABEL = r"^\w[\w ./@+:=(),%\[\]-]*\Z"
_NO_SIGN = re.compile(r"[^\w ./@+:=(),%\[\]-]")
_LONGEST = 200
_SHOWN = 60


def as_label(text: str) -> str:
    """A text with ``_`` in the place of each sign that no name has."""
    return _NO_SIGN.sub("_", text)


def check_label(text: str, where: str) -> None:
    """Refuse a text that is no label.

    Args:
        text: A name.
        where: What has it, for the message: file, row and column.

    Raises:
        StudyError: It has other characters than a name has, or too many.
    """
    if len(text) > _LONGEST or not re.match(LABEL, text):
        shown = repr(text[:_SHOWN]) + ("..." if len(text) > _SHOWN else "")
        raise StudyError(
            f"{where}: {shown} is no name: letters, digits, spaces and _./@+:=(),%[]- may stand in "
            f"one, a letter or digit first, {_LONGEST} characters at most; rename it"
        )


def check_labels(column: "pandas.Series", where: str) -> None:
    """Refuse a table's column that holds a text which is no label; empty cells may be.

    Args:
        column: Its values.
        where: File and column, for the message, which says the row as editors count it.
    """
    names = column.reset_index(drop=True).dropna().drop_duplicates()
    for row, text in zip(names.index, names, strict=True):
        check_label(text, f"{where}, row {row + 2}")
