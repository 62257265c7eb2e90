"""A fit as a page: what was fitted, the verdicts, every number with its interval, the curves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlscale.answers.fit_table import HEADS, table_rows
from rlscale.report.plain_page import bullets, grid, heading, paragraph, plain_page

if TYPE_CHECKING:
    from rlscale.laws.results import StudyFit


def fit_html(found: "StudyFit", picture: str, said: Sequence[str]) -> str:
    """The page.

    Args:
        found: The fit.
        picture: Points and law as SVG.
        said: What was left out or looks wrong.
    """
    verdicts = [f"{group.family} {group.variant}: {group.verdict}" for group in found.groups]
    return plain_page(
        f"{found.study}: {found.law}",
        [
            paragraph(f"{found.equation} ({found.metric} against {found.x})"),
            paragraph(found.uncertainty.label),
            bullets([*verdicts, *said]),
            picture,
            heading("Numbers"),
            grid(HEADS, table_rows(found)),
        ],
    )
