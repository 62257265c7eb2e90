"""A fit's numbers as a table: every parameter and every size's k, with intervals."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.files import write_text

if TYPE_CHECKING:
    from rlscale.laws.quantities import Quantity
    from rlscale.laws.results import FitResult, StudyFit

HEADS = ("family", "variant", "size", "quantity", "unit", "estimate", "low", "high", "scope")


def write_table(found: "StudyFit", path: Path) -> None:
    """Write the table as CSV, Markdown or LaTeX, by the file's ending.

    Raises:
        StudyError: Another ending.
    """
    writers = {".csv": _csv, ".md": _markdown, ".tex": _latex}
    if path.suffix not in writers:
        raise StudyError(f"{path}: a table ends in {', '.join(writers)}")
    write_text(path, writers[path.suffix](table_rows(found)))


def table_rows(found: "StudyFit") -> list[tuple[str, ...]]:
    """Texts under ``HEADS``: the parameters that sizes share, then each size's own."""
    return [row for group in found.groups for row in _rows(found, group)]


def unit(found: "StudyFit", name: str) -> str:
    """Column of the curves table in whose units a parameter is; empty for a plain number."""
    from rlscale.laws.groups import X_COLUMNS
    from rlscale.laws.registry import law_named

    shared = {own.name: own.unit for own in law_named(found.law).parameters}
    kind = shared.get(name, "x" if name.startswith("x_") else "")
    return {"size": found.size, "x": X_COLUMNS[found.x]}.get(kind, "")


def _rows(found: "StudyFit", group: "FitResult") -> Iterator[tuple[str, ...]]:
    for name, quantity in group.parameters.items():
        yield _row(group, "", name, unit(found, name), quantity)
    for size in group.sizes:
        for name, quantity in {"k": size.k, **size.parameters}.items():
            yield _row(group, size.model, name, unit(found, name), quantity)


def _row(
    group: "FitResult", size: str, name: str, unit: str, quantity: "Quantity"
) -> tuple[str, ...]:
    ends = quantity.intervals.get(group.scope)
    known = ends is not None and ends.status == "ok"
    low, high = (ends.low, ends.high) if ends is not None and known else (None, None)
    numbers = (quantity.estimate, low, high)
    shown = tuple("" if number is None else f"{number:.6g}" for number in numbers)
    scope = group.scope if known else "none"
    return (group.family, group.variant, size, name, unit, *shown, scope)


def _csv(rows: Sequence[tuple[str, ...]]) -> str:
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADS, *rows])
    return text.getvalue()


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [HEADS, ("---",) * len(HEADS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _latex(rows: Sequence[tuple[str, ...]]) -> str:
    body = "".join(f"{' & '.join(map(_escaped, line))} \\\\\n" for line in rows)
    heads = f"{' & '.join(HEADS)} \\\\\n\\hline\n"
    return f"\\begin{{tabular}}{{lllllrrrl}}\n{heads}{body}\\end{{tabular}}\n"


def _escaped(text: str) -> str:
    for sign in "_%&#$":
        text = text.replace(sign, f"\\{sign}")
    return text
