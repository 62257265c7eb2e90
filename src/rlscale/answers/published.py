"""The paper's Table 6 beside refits of the same points: its protocol, and ours."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rlscale.laws.registry import DEFAULT, PAPER
from rlscale.laws.results import FitResult
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.study import fit_study

if TYPE_CHECKING:
    import pandas

# PAPER intra = each curve without its first and last so many points, by index. Of base that leaves
# 25 points, of the two largest, whose curves are shorter, 24 and 23; of instruct steps 4 to 40, of
# 1.5B and 72B to 39. inter = 0.5-32B, all steps (the tuning of E(72B) on 72B does not touch K_max
# and N0).
_CLIPPED = {"base": (0, 80), "instruct": (3, 65)}
_WINDOWS = ((1, 25), (11, 40), (26, 75), (51, 105), (1, 105))


def compare_with_table6(
    curves: "pandas.DataFrame", table6: "pandas.DataFrame", settings: Settings
) -> str:
    """Markdown: Table 6 beside the paper's protocol and our fit, and how both move with the window.

    Args:
        curves: Curves of the published points.
        table6: variant, x, protocol, K_max, N0_b as printed.
        settings: How curves are fitted.
    """
    lines = [
        "# K_max and N0 beside the paper's Table 6",
        "",
        "Points read from the figures of arXiv 2509.25300 (mean curves). *Paper's protocol*: least",
        "squares in linear L, equal weight per size. *Ours*: least squares in log L. Brackets:",
        f"{100 * settings.level:g} % intervals from residual blocks; they know nothing of the",
        "variance between runs.",
        "",
        *_beside(curves, table6, settings),
        "",
        "K_max and N0 (1e9) by the window of steps, all sizes, our fit against data:",
        "",
        *_by_window(curves, settings),
    ]
    return "\n".join(lines) + "\n"


def _beside(
    curves: "pandas.DataFrame", table6: "pandas.DataFrame", settings: Settings
) -> Iterator[str]:
    """Lines of the table that sets refits beside Table 6."""
    yield "| variant | x | protocol | Table 6 | paper's protocol | ours | verdict of ours |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in table6.itertuples():
        part = curves[curves["variant"] == row.variant]
        if part.empty:
            continue
        rows = (
            intra_rows(part, str(row.variant))
            if row.protocol == "intra"
            else _without_largest(part)
        )
        paper = _fit(rows, PAPER, str(row.x), settings)
        ours = _fit(rows, DEFAULT, str(row.x), settings)
        yield (
            f"| {row.variant} | {row.x} | {row.protocol} | {row.K_max:.4f}, {row.N0_b:.2f} | "
            f"{_pair(paper)} | {_pair(ours)} | {_said(ours)} |"
        )


def _by_window(curves: "pandas.DataFrame", settings: Settings) -> Iterator[str]:
    """Lines of the table that shows how our fit moves with the steps that it sees."""
    yield "| steps | K_max, N0 | k of the largest size | verdict |"
    yield "| --- | --- | --- | --- |"
    for first, last in _WINDOWS:
        found = _fit(curves[curves["step"].between(first, last)], DEFAULT, "data", settings)
        k = found.sizes[-1].k
        block = k.intervals["block"]
        yield (
            f"| {first}-{last} | {_pair(found)} | "
            f"{k.estimate:.3f} [{block.low:.3f}, {block.high:.3f}] | "
            f"{_said(found)} |"
        )


def intra_rows(curves: "pandas.DataFrame", variant: str) -> "pandas.DataFrame":
    """What the paper's forecast of the rest of a run sees of curves that start at step 1 or later.

    A first step that a curve lacks is clipped already: figures of instruct models start at step 4.
    """
    first, last = _CLIPPED[variant]
    rows = curves[curves["step"] > first]
    left = rows.groupby(["cell", "benchmark"])["step"].rank(ascending=False)
    return rows[left > last]


def _without_largest(curves: "pandas.DataFrame") -> "pandas.DataFrame":
    return curves[curves["n_params_nominal"] < curves["n_params_nominal"].max()]


def _fit(rows: "pandas.DataFrame", law: str, x: str, settings: Settings) -> FitResult:
    return fit_study(rows, FitSpec(law, x, "loss", settings)).groups[0]


def _said(group: FitResult) -> str:
    """AIC of a power law above ours, misfit, and what scatter leaves of both."""
    found = group.identification
    if found is None or group.verdicts is None:
        return group.status
    bends = "; curves bend" if group.verdicts.bends == "yes" else ""
    return (
        f"dAIC {found.delta_aic:+.0f}; Q = {found.misfit:.0f} on {found.misfit_freedom}; with "
        f"scatter of {found.scatter:.0%}: P(saturating) {found.p_law:.2f}{bends}"
    )


def _pair(group: FitResult) -> str:
    parts = []
    for name, unit, digits in (("K_max", 1, 4), ("N0", 1e9, 2)):
        value = group.parameters[name]
        block = value.intervals["block"]
        low, high = (
            "open" if end is None else f"{end / unit:.{digits - 1}f}"
            for end in (block.low, block.high)
        )
        parts.append(f"{value.estimate / unit:.{digits}f} [{low}, {high}]")
    return ", ".join(parts)
