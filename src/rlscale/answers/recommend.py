"""Answers, not only parameters: what to train next, what reuse costs, what would tell apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlscale.answers.best_size import advice_on_sizes
from rlscale.answers.cost_of_reuse import cost_of_reuse
from rlscale.core.scalars import check_kind, check_number
from rlscale.laws.groups import build_groups, metric_rows, select_rows
from rlscale.laws.registry import DEFAULT, law_named
from rlscale.laws.spec import Settings
from rlscale.laws.study import outcome_shares, trouble

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Wishes:
    """What is asked of a recommendation: the ``recommend`` section, and the fits' margin.

    Attributes:
        budgets: Budgets (FLOPs) to find the best size for; empty for three within what was
            measured.
        targets: Losses to find the cheapest size for; empty for the lowest that was measured.
        margin: Rise in loss that counts as no cost of reuse.
        confidence: One-sided confidence of the statement on tau.
    """

    budgets: Sequence[float] = ()
    targets: Sequence[float] = ()
    margin: float = 0.02
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Refuse what the configuration's schema refuses.

        Raises:
            StudyError: A number is out of bounds, or one stands in the place of a list.
        """
        for name, below in (("budgets", math.inf), ("targets", 1)):
            check_kind(getattr(self, name), (list, tuple), f"recommend.{name}", "a list of numbers")
            for value in getattr(self, name):
                check_number(value, f"recommend.{name}", 0, below)
        check_number(self.margin, "fit.margin", 0)
        check_number(self.confidence, "recommend.confidence", 0.5, 1)


def recommend(
    curves: "pandas.DataFrame",
    settings: Settings,
    wishes: Wishes,
    outcomes: "pandas.DataFrame | None" = None,
) -> str:
    """Write the recommendation of a study as Markdown.

    Args:
        curves: The study's curves.
        settings: How curves are fitted.
        wishes: What is asked.
        outcomes: outcomes.parquet, for the number of problems.
    """
    level = settings.level
    parts = [f"# Recommendation for the study {curves['study'].iloc[0]}", ""]
    rows = select_rows(curves, settings.select)
    rows, _, benchmark = metric_rows(rows, "loss", settings.benchmark)
    x = "compute" if rows.loc[rows["step"] > 0, "compute_flops"].notna().all() else "data"
    further: dict[bool, list[str]] = {True: [], False: []}  # By whether it judges at all.
    for group in build_groups(rows, x=x, column="loss", size=settings.size):
        parts += [f"## {group.family} {group.variant}", ""]
        refused = trouble(group, law_named(DEFAULT))
        if refused:
            parts += [f"**No law, hence no advice on sizes**: {refused[1]}.", ""]
            continue
        shares = outcome_shares(group, outcomes, benchmark) if outcomes is not None else None
        own, runs = advice_on_sizes(group, shares, settings, x, wishes.budgets, wishes.targets)
        parts += own
        further[bool((group.runs < 2).all())] += runs
    measured = curves[curves["status"] == "ok"]
    own, runs = cost_of_reuse(measured, benchmark, wishes.margin, wishes.confidence, outcomes)
    parts += [*own, *_in_order([*further[True], *runs, *further[False]])]
    parts.append(
        f"Intervals are {100 * level:g} % intervals over runs"
        + (" and problems" if outcomes is not None else " on these problems")
        + ". Expected losses are those of each size's own curve."
    )
    return "\n".join(parts) + "\n"


def _in_order(runs: Sequence[str]) -> list[str]:
    """What to run next, first what judges where nothing is judged, as lines of Markdown."""
    if not runs:
        return []
    return ["## What to run next", "", *(f"{i}. {run}" for i, run in enumerate(runs, 1)), ""]
