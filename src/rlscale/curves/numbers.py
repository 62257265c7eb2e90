"""Values of a column as numbers, however people write them."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.labels import shown
from rlscale.core.numerals import OTHER, Written, to_float, written

if TYPE_CHECKING:
    import pandas

_MISSING = ("", "nan", "na", "n/a", "#n/a", "null", "none", "-", "--", "\u2013", "\u2014")
_COUNTED = re.compile(r"(?:\w*[_-])?(?:step|checkpoint|ckpt|iter(?:ation)?|seed)[_ -]?(\d+)", re.I)
_LEAST_GROUPED = 1000
_HINTS = {
    r"[\d.,]+ ?[kKMGBT]": "; write it in full, 1200000 for 1.2M",
    r"[\d.,]+ ?%": "; write shares, 0.2 for 20%, or leave the sign out in the whole column",
    r"[\d.,]+ ?(?:\u00b1|\+/?-|\().*": "; write the value alone, its error in a column of its own",
    r"[\d.,]+": "; write it without signs between its digits, decimals with a point",
    r"\D*": "; leave the cell empty where there is no value, or the row out",
}


def numbers(values: "pandas.Series", name: str, where: str, reading: str = "") -> "pandas.Series":
    """Values as numbers; missing ones stay missing.

    Thousands may be set apart (1,234) and decimals have a comma, where the column's values say
    which; a count may have its word before it (checkpoint-100).

    Args:
        values: What the file holds.
        name: Its name for it, for messages.
        where: File, for messages.
        reading: How 30,000 is meant: ``grouped`` (thirty thousand), ``decimal`` (thirty), or
            refused where nothing in the column says it.

    Raises:
        StudyError: A value is no number, or may be either of two; the message names row and value.
    """
    import pandas

    if pandas.api.types.is_numeric_dtype(values):
        _check_grouped(values, name, where, reading)
        return values.astype(float)
    found = pandas.to_numeric(values, errors="coerce").astype(float)
    missing = values.isna() | is_missing(values)
    texts = values[~missing & values.map(lambda value: isinstance(value, str))]
    read = _read(texts.unique().tolist(), name, where, reading)
    known = texts[texts.isin(read.keys())]
    found[known.index] = known.map(read)
    bad = values[found.isna() & ~missing]
    if len(bad):
        value = bad.iloc[0]
        hint = next((said for form, said in _HINTS.items() if re.fullmatch(form, str(value))), "")
        raise StudyError(
            f"{where}: row {bad.index[0] + 1}: '{name}' is {shown(value)}, not a number{hint}"
        )
    return found


def is_missing(values: "pandas.Series") -> "pandas.Series":
    """Which values are a text that says that there is none, such as N/A or a dash."""
    spelt = [v for v in values.unique() if isinstance(v, str) and v.strip().lower() in _MISSING]
    return values.isin(spelt)


def _check_grouped(values: "pandas.Series", name: str, where: str, reading: str) -> None:
    """Refuse to group digits of numbers that were read with a decimal point, 30.000 as 30."""
    small = (values != 0) & (values.abs() < _LEAST_GROUPED)
    if reading == "grouped" and values.dtype.kind == "f" and small.any():
        raise StudyError(
            f"{where}: '{name}' was read with decimals, such as {values[small].iloc[0]:g}; "
            "write it without points or commas, or leave 'grouped' out"
        )


def _read(texts: Sequence[str], name: str, where: str, reading: str) -> dict[str, float]:
    """Texts of a column -> number, for those that are one."""
    numerals = [text for text in texts if written([text]) is not None]
    decimal = _decimal(written(numerals) or Written(), name, where, reading)
    found = {text: to_float(text, decimal) for text in numerals}
    for text in texts:
        if counted := _COUNTED.fullmatch(text.strip()):
            found[text] = float(counted[1])
    return found


def _decimal(said: Written, name: str, where: str, reading: str) -> str:
    """The mark of decimals in a column.

    Raises:
        StudyError: Its values have both, or do not say which.
    """
    either = said.open_comma or said.open_point
    if (said.comma and said.point) or (said.open_comma and said.open_point and not said.decimal):
        comma, point = said.comma or said.open_comma, said.point or said.open_point
        raise StudyError(
            f"{where}: '{name}' has decimal commas and decimal points, such as {point} "
            f"and {comma}; write all numbers one way"
        )
    mark = "," if said.open_comma else "."
    wanted = {"decimal": mark, "grouped": OTHER[mark]}.get(reading, "") if either else ""
    if wanted and said.decimal not in ("", wanted):
        raise StudyError(
            f"{where}: '{name}' cannot be '{reading}': {either} stands beside "
            f"{said.comma or said.point}"
        )
    if said.open_comma and not said.decimal and not wanted:
        grouped, plain = (to_float(either, OTHER[mark]), to_float(either, mark))
        raise StudyError(
            f"{where}: '{name}' is {either}, and nothing in its column says whether that is "
            f"{grouped:g} or {plain:g}: write 'grouped {name}' or 'decimal {name}' in the place of "
            f"'{name}' (--map)"
        )
    return said.decimal or wanted or "."
