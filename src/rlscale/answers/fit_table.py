"""A fit's numbers as a table: every parameter and every size's k, with intervals."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.files import write_text

if TYPE_CHECKING:
    from rlscale.laws.quantities import Quantity
    from rlscale.laws.results import FitResult, StudyFit

_HEADS = ("family", "variant", "size", "quantity", "estimate", "low", "high", "scope")


def write_table(found: "StudyFit", path: Path) -> None:
    """Write the table as CSV, Markdown or LaTeX, by the file's ending.

    Raises:
        StudyError: Another ending.
    """
    writers = {".csv": _csv, ".md": _markdown, ".tex": _latex}
    if path.suffix not in writers:
        raise StudyError(f"{path}: a table ends in {', '.join(writers)}")
    rows = [row for group in found.groups for row in _rows(group)]
    write_text(path, writers[path.suffix](rows))


def _rows(group: "FitResult") -> Iterator[tuple[str, ...]]:
    for name, quantity in group.parameters.items():
        yield _row(group, "", name, quantity)
    for size in group.sizes:
        for name, quantity in {"k": size.k, **size.parameters}.items():
            yield _row(group, size.model, name, quantity)


def _row(group: "FitResult", size: str, name: str, quantity: "Quantity") -> tuple[str, ...]:
    ends = quantity.intervals.get(group.scope)
    known = ends is not None and ends.status == "ok"
    low, high = (ends.low, ends.high) if ends is not None and known else (None, None)
    numbers = (quantity.estimate, low, high)
    shown = tuple("" if number is None else f"{number:.6g}" for number in numbers)
    scope = group.scope if known else "none"
    return (group.family, group.variant, size, name, *shown, scope)


def _csv(rows: Sequence[tuple[str, ...]]) -> str:
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_HEADS, *rows])
    return text.getvalue()


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [_HEADS, ("---",) * len(_HEADS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _latex(rows: Sequence[tuple[str, ...]]) -> str:
    body = "".join(f"{' & '.join(map(_escaped, line))} \\\\\n" for line in rows)
    heads = f"{' & '.join(_HEADS)} \\\\\n\\hline\n"
    return f"\\begin{{tabular}}{{llllrrrl}}\n{heads}{body}\\end{{tabular}}\n"


def _escaped(text: str) -> str:
    for sign in "_%&#$":
        text = text.replace(sign, f"\\{sign}")
    return text
