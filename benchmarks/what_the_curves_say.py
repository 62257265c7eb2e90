"""The numbers of docs/what_the_curves_say.md, from the curves of the bank.

python benchmarks/what_the_curves_say.py
"""

import numpy as np
import pandas
from scipy.stats import spearmanr

from rlscale.answers.api import fit
from rlscale.bank.source import BANK, read_source
from rlscale.laws.results import FitResult

FIRST, LAST, MIDDLE = 5, 10, range(16, 26)  # Points of a curve; steps.


def main() -> None:
    """Print a table per claim."""
    names = ("tan2025_base", "tan2025_instruct", "qwen3_gsm8k")
    sources = {name: read_source(BANK / name).curves for name in names}
    print(
        "| source | benchmark | k of the smallest, largest | rank correlation of k and N | "
        "misfit, dAIC, P(saturating) | bends | falls in ln L, by size | of that by steps 16-25 |"
    )
    print("| --- " * 8 + "|")
    for name, curves in sources.items():
        for benchmark, own in curves.groupby("benchmark"):
            (found,) = fit(own, size="n_params_nominal", weighting="equal", benchmark=benchmark,
                           bootstrap={"replicates": 200})  # fmt: skip
            print(f"| {name} | {benchmark} | {slopes(found)} | {verdicts(found)} | {falls(own)} |")
    settings = read_source(BANK / "tan2025_7b").curves
    reuse = settings[settings["recipe"] == "reuse"]
    groups = settings[settings["recipe"] == "group_size"]
    print(
        "\n| variant | setting | loss minus that of the reference, standard error |\n"
        "| --- | --- | --- |"
    )
    for variant in ("base", "instruct"):
        apart(reuse[reuse["variant"] == variant], "tau", 1, range(81, 101))
        apart(groups[groups["variant"] == variant], "group_size", 8, range(95, 105))
        at_equal_responses(groups[groups["variant"] == variant])


def slopes(found: FitResult) -> str:
    """k of the smallest and largest size with intervals, and whether k rises with N."""
    k = [size.k for size in found.sizes]
    ends = [f"{own.estimate:.3f} [{own.intervals['block'].low:.3f}, "
            f"{own.intervals['block'].high:.3f}]" for own in (k[0], k[-1])]  # fmt: skip
    rank = spearmanr([size.n for size in found.sizes], [own.estimate for own in k]).statistic
    return f"{', '.join(ends)} | {rank:.2f}"


def verdicts(found: FitResult) -> str:
    """Misfit of the saturating law, a power law's AIC above it, its chance with scatter; bends."""
    own = found.identification
    return (f"Q = {own.misfit:.0f} on {own.misfit_freedom}, {own.delta_aic:+.0f}, "
            f"{own.p_law:.2f} at {own.scatter:.0%} | {found.verdicts.bends}")  # fmt: skip


def falls(curves: pandas.DataFrame) -> str:
    """Fall of ln L over each curve, and the least and largest share of it that comes early."""
    total, early = [], []
    for _, own in curves.sort_values("step").groupby("n_params_nominal"):
        first = np.log(own["loss"].head(FIRST).mean())
        total.append(first - np.log(own["loss"].tail(LAST).mean()))
        middle = own.loc[own["step"].isin(MIDDLE), "loss"].mean()
        early.append((first - np.log(middle)) / total[-1])
    share = f"{np.median(early):.0%}" if min(np.abs(total)) > 0.01 else "-"
    return f"{' '.join(f'{fall:.2f}' for fall in total)} | {share}"


def apart(curves: pandas.DataFrame, column: str, reference: int, steps: range) -> None:
    """Mean difference from a setting over some steps, its error from blocks of five steps."""
    wide = curves[curves["step"].isin(steps)].pivot(index="step", columns=column, values="loss")
    for setting in wide.columns.drop(reference):
        difference = (wide[setting] - wide[reference]).dropna()
        blocks = difference.groupby((difference.index - steps[0]) // 5).mean()
        error = blocks.std() / np.sqrt(len(blocks))
        print(f"| {curves['variant'].iloc[0]} | {column} {setting} against {reference} | "
              f"{difference.mean():+.3f}, {error:.3f} |")  # fmt: skip


def at_equal_responses(curves: pandas.DataFrame) -> None:
    """Loss where all group sizes have had as many responses as G = 4 at its last steps, and 8."""
    for reference in (4, 8):
        said = []
        for size, own in curves[curves["group_size"] >= reference].groupby("group_size"):
            at = 102 * reference / size
            near = own[(own["step"] - at).abs() <= 3]
            if len(near) >= 5:
                said.append(f"G = {size} {near['loss'].mean():.3f}")
        print(f"| {curves['variant'].iloc[0]} | at as many responses as G = {reference}, "
              f"step 102 | {', '.join(said)} |")  # fmt: skip


if __name__ == "__main__":
    main()
