"""Names in tables: what a name may consist of, so that it is text wherever it is shown.

Names of models, families and benchmarks go into file names, figures, pages and spreadsheets.
Markup of none of these is in a label: no control characters, quotes, ``$``, ``<`` or ``|``, and no
sign in front that a spreadsheet would take for the beginning of a formula.
"""

import re
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import pandas

# The configuration's schema has the same pattern (x-names, label).
LABEL = r"^\w[\w ./@+:=(),%\[\]-]*\Z"
_NO_SIGN = re.compile(r"[^\w ./@+:=(),%\[\]-]")
_FORMULA = re.compile(r"\s*+(?![-+]?[\d.,]+\Z)[=+@-]")
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LONGEST = 200
_SHOWN = 60


def as_label(text: str) -> str:
    """A text with ``_`` in the place of each sign that no name has."""
    return _NO_SIGN.sub("_", text)


def shown(value: Any) -> str:
    """A value of a stranger's as messages show it: its beginning, in quotes, signs spelt out."""
    long = isinstance(value, str | bytes) and len(value) > _SHOWN
    return repr(value[:_SHOWN]) + "..." if long else repr(value)


def as_cell(value: Any) -> Any:
    """A stranger's text as a report's CSV shows it: no formula to a spreadsheet, nothing hidden.

    What would begin a formula gets an apostrophe in front, but for plain numbers; control and
    bidirectional signs are spelt out. Other values stay as they are.
    """
    if not isinstance(value, str):
        return value
    text = _HIDDEN.sub(lambda sign: sign[0].encode("unicode_escape").decode(), value)
    return f"'{text}" if _FORMULA.match(text) else text


def check_label(text: str, where: str) -> None:
    """Refuse a text that is no label.

    Args:
        text: A name.
        where: What has it, for the message: file, row and column.

    Raises:
        StudyError: It has other characters than a name has, or too many.
    """
    if len(text) > _LONGEST or not re.match(LABEL, text):
        raise StudyError(
            f"{where}: {shown(text)} is no name: letters, digits, spaces and _./@+:=(),%[]- may "
            f"stand in one, a letter or digit first, {_LONGEST} characters at most; rename it"
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
