"""The intake report of `rlscale ingest` as a page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.curves.intake import HEADS, run_lines, said_notes, taken_for
from rlscale.report.plain_page import bullets, grid, heading, paragraph, plain_page

if TYPE_CHECKING:
    from rlscale.curves.ingest import Intake


def intake_html(intake: "Intake", settings: Mapping[str, Any]) -> str:
    """What was read, run by run, and every row that is not used as it stands, with the reason."""
    form, *columns = taken_for(intake, settings)
    rows = sum(account.rows for account in intake.accounts.values())
    used = sum(account.used for account in intake.accounts.values())
    return plain_page(
        "Intake of runs",
        [
            paragraph(f"{form}: {used} of {rows} rows used."),
            bullets(columns),
            heading("Runs"),
            grid(HEADS, run_lines(intake)),
            heading("Noted"),
            bullets(said_notes(intake)),
        ],
    )
