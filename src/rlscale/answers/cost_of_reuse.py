"""What it costs to use problems again (tau), and what would tell two settings apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    import pandas

_POWER = 0.8  # Chance of seeing a difference that is there.
_MANY = 10_000  # Runs: beyond, the number no longer matters.


def cost_of_reuse(
    curves: "pandas.DataFrame",
    benchmark: str,
    margin: float,
    confidence: float,
    outcomes: "pandas.DataFrame | None" = None,
) -> tuple[list[str], list[str]]:
    """What tau costs at equal steps, and what to run next for it, as lines of Markdown.

    Args:
        curves: Curves, their measured rows.
        benchmark: Whose loss.
        margin: Rise in loss that counts as no cost of reuse.
        confidence: One-sided confidence of the statement on tau.
        outcomes: outcomes.parquet, for the number of problems.
    """
    rows = curves[curves["benchmark"] == benchmark]
    if outcomes is not None:
        outcomes = outcomes[outcomes["benchmark"] == benchmark]
    lines = ["## Reuse of data (tau)", ""]
    keys = ["family", "model", "variant", "group_size", "recipe"]
    told, further = False, []
    for name, part in rows.groupby(keys, dropna=False, sort=True):
        last = part.groupby("tau")["step"].max().min()
        final = part[part["step"] == last]
        arms = {int(tau): arm for tau, arm in final.groupby("tau")}
        if len(arms) < 2 or min(arms) != 1:
            continue
        told = True
        label = f"{name[1]} {name[2]}, G = {name[3]:g}, {name[4]}"
        at_last = None if outcomes is None else outcomes[outcomes["step"] == last]
        own = _Arms(label, last, arms, margin, confidence, at_last)
        lines += own.lines()
        further += own.next_runs()
    if not told:
        lines.append("No model was trained with several tau, tau = 1 among them.")
    return [*lines, ""], further


@dataclass(frozen=True)
class _Arms:
    """Runs of one model that differ in tau.

    Attributes:
        label: What they have in common.
        last: The last step that all tau have.
        arms: Rows at that step, by tau; tau = 1 is among them.
        margin: Rise in loss that counts as no cost.
        confidence: One-sided confidence.
        outcomes: Their outcomes at that step, where they are known.
    """

    label: str
    last: float
    arms: Mapping[int, "pandas.DataFrame"]
    margin: float
    confidence: float
    outcomes: "pandas.DataFrame | None"

    def lines(self) -> list[str]:
        """What reuse costs: a table and a statement."""
        arms, freedom = self.arms, sum(len(arm) - 1 for arm in self.arms.values())
        if freedom == 0:
            return [f"{self.label}: **no statement** on reuse, as there is one run per tau."]
        pooled = self._pooled()
        most = {tau: self._most(tau, pooled, freedom) for tau in arms if tau != 1}
        return [
            f"{self.label}, loss at step {self.last:g} (runs' SD {np.sqrt(pooled):.4f}, {freedom} "
            "degrees of freedom):",
            "",
            f"| tau | runs | rise over tau 1 | at most ({self.confidence:.0%}) | within "
            f"{self.margin:g} | a rise of {self.margin:g} is seen with |",
            "| --- | --- | --- | --- | --- | --- |",
            *(self._row(tau, end, pooled) for tau, end in most.items()),
            "",
            self._statement(most),
            "",
        ]

    def _pooled(self) -> float:
        """Variance of a run, pooled over tau."""
        arms = self.arms.values()
        squares = sum(((arm["loss"] - arm["loss"].mean()) ** 2).sum() for arm in arms)
        return float(squares / sum(len(arm) - 1 for arm in arms))

    def next_runs(self) -> list[str]:
        """Runs that would tell what tau costs, where the data leave it open."""
        freedom = sum(len(arm) - 1 for arm in self.arms.values())
        if freedom == 0:
            return [f"{self.label}: **one more run of every tau**; single runs judge nothing."]
        pooled = self._pooled()
        most = {tau: self._most(tau, pooled, freedom) for tau in self.arms if tau != 1}
        unclear = [t for t, end in most.items() if 2 * self._rise(t) - end <= self.margin < end]
        needed = runs_needed(self.margin, pooled)
        lacking = {t: needed - len(self.arms[t]) for t in (1, *unclear)}
        listed = [
            f"{more} more run{'s' * (more > 1)} of tau = {t}"
            for t, more in lacking.items()
            if more > 0
        ]
        if not unclear or not listed:
            return []
        margin = f"{self.margin:g}"
        return [
            f"{self.label}: **{' and '.join(listed)}**, {needed} of each in all, which tell a rise "
            f"of {margin} from none: whether tau = {unclear[0]} costs more than {margin} is open. "
            f"A cost close to {margin} takes more."
        ]

    def _rise(self, tau: int) -> float:
        return float(self.arms[tau]["loss"].mean() - self.arms[1]["loss"].mean())

    def _most(self, tau: int, pooled: float, freedom: int) -> float:
        """The rise over tau 1 that is not exceeded, with the asked confidence."""
        error = np.sqrt(pooled * (1 / len(self.arms[tau]) + 1 / len(self.arms[1])))
        return float(self._rise(tau) + stats.t.ppf(self.confidence, freedom) * error)

    def _row(self, tau: int, most: float, pooled: float) -> str:
        arm, one = self.arms[tau], self.arms[1]
        needed = f"{runs_needed(self.margin, pooled)} runs each"
        if self.outcomes is not None:
            problems = _problems_needed(self.margin, arm, one, self.outcomes)
            needed += f" over runs, {problems} problems over problems"
        return (
            f"| {tau} | {len(arm)} | {self._rise(tau):+.4f} | {most:+.4f} | "
            f"{'yes' if most <= self.margin else 'not shown'} | {needed} |"
        )

    def _statement(self, most: Mapping[int, float]) -> str:
        """The largest tau up to which every one is shown to cost no more than the margin."""
        shown = 1
        for tau in sorted(most):
            if most[tau] > self.margin:
                break
            shown = tau
        last = max(most)  # the one that is asked whether it costs more
        dear = 2 * self._rise(last) - most[last] > self.margin
        more = f"tau = {last} is shown to cost more." if dear else ""
        if shown > 1:
            said = (
                f"The largest tau shown, with {self.confidence:.0%} confidence, to cost at most "
                f"{self.margin:g} in loss is **tau = {shown}**. {more}"
            )
            return said.strip()
        return (
            f"**No tau above 1** is shown, with {self.confidence:.0%} confidence, to cost at "
            f"most {self.margin:g} in loss; {more or 'that is no proof that any costs more.'}"
        )


def runs_needed(rise: float, variance: float) -> int:
    """Runs per setting with which a two-sided 5 % t test sees a rise with chance 0.8, at least 2.

    Args:
        rise: The difference that is to be seen.
        variance: Of a run.
    """
    runs = 2
    while True:
        freedom, centre = 2 * (runs - 1), abs(rise) / np.sqrt(2 * variance / runs)
        edge = stats.t.ppf(0.975, freedom)
        seen = stats.nct.sf(edge, freedom, centre) + stats.nct.cdf(-edge, freedom, centre)
        if seen >= _POWER or runs >= _MANY:
            return runs
        runs += 1 if runs < 20 else runs // 10


def _problems_needed(
    rise: float, arm: "pandas.DataFrame", one: "pandas.DataFrame", outcomes: "pandas.DataFrame"
) -> int:
    """Problems with which a two-sided 5 % test of power 0.8 of these runs sees a rise."""
    share = outcomes.assign(share=outcomes["n_correct"] / outcomes["n"])
    mean = [
        share[share["cell"].isin(side["cell"])].groupby("problem_id")["share"].mean()
        for side in (arm, one)
    ]
    spread = (mean[0] - mean[1]).var()
    factor = (stats.norm.ppf(0.975) + stats.norm.ppf(_POWER)) ** 2
    return max(2, int(np.ceil(spread * factor / rise**2)))
