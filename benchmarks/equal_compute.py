"""How often intervals of `rlscale compare-settings` hold: in simulated studies, and on the bank.

python benchmarks/equal_compute.py --studies 400 --seed 9
"""

import argparse

import numpy as np
import pandas

from rlscale.answers.arms import varied
from rlscale.answers.equal_compute import compare_settings
from rlscale.bank.source import BANK, read_source
from rlscale.laws.contrast import bends, contrast, what_comes
from rlscale.laws.points import Points

CHECKPOINTS = {"105 steps": np.arange(1, 106.0), "7 steps": 2.0 ** np.arange(7)}
# Level, k and shape of two settings.
TRUTHS = {
    "no difference": ((-0.2, 0.06, "straight"), (-0.2, 0.06, "straight")),
    "straight": ((-0.2, 0.05, "straight"), (-0.2, 0.08, "straight")),
    "both slow down": ((-0.2, 0.06, "half"), (-0.2, 0.09, "half")),
    "one slows down": ((-0.2, 0.06, "straight"), (-0.15, 0.09, "half")),
    "floors": ((-0.1, 0.06, "floor"), (-0.1, 0.12, "floor")),
}
MULTIPLES = (1, 2, 10)


def main() -> None:
    """Print a row per truth, checkpoints and runs, then a row per source and cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--seed", type=int, default=9)
    arguments = parser.parse_args()
    print("| truth | checkpoints | runs | held at 1, 2, 10 times | median width |\n" + "| --- " * 5)
    for name, truth in TRUTHS.items():
        for steps, x in CHECKPOINTS.items():
            for runs in (2, 3, 5):
                rng = np.random.default_rng([arguments.seed, runs])
                found = np.array([study(rng, truth, x, runs) for _ in range(arguments.studies)])
                held = " ".join(f"{share:.2f}" for share in found[..., 0].mean(0))
                width = " ".join(f"{w:.2f}" for w in np.median(found[..., 1], axis=0))
                print(f"| {name} | {steps} | {runs} | {held} | {width} |")
    for source, cuts in (("tan2025_7b", (51, 26)), ("embedded", (32, 16, 8))):
        curves = read_source(BANK / source).curves
        for cut in cuts:
            print(f"{source}, seen to step {cut}: {later(curves, cut)}")


def curve(u: np.ndarray, k: float, shape: str, last: float) -> np.ndarray:
    """ln L without its level: straight, .3 of the slope from half of log x on, or a floor."""
    if shape == "floor":
        return np.log(0.6 + 0.4 * np.exp(-3 * k * u))
    if shape == "half":
        return -k * np.minimum(u, last / 2) - 0.3 * k * np.maximum(0, u - last / 2)
    return -k * u


def study(rng: np.random.Generator, truth: tuple, x: np.ndarray, runs: int) -> list:
    """Whether the interval holds the difference, and its width, at each multiple."""
    u = np.log(x)
    arm, seed = np.repeat([0, 1], runs), np.tile(np.arange(float(runs)), 2)
    shared, y = 0.005 * rng.standard_normal(runs), []
    for c in range(2 * runs):
        level, k, shape = truth[arm[c]]
        own = level + curve(u, k, shape, u.max()) + shared[int(seed[c])]
        own = own + 0.01 * rng.standard_normal() + 0.003 * rng.standard_normal() * (u - u.mean())
        loss = np.exp(own)
        noise = np.sqrt(0.6 * loss * np.maximum(1 - loss, 0.01) / 500)
        y.append(np.log(loss + noise * rng.standard_normal(len(u))))
    points = Points(
        tuple(map(str, range(len(y)))), np.arange(len(y)) + 1.0, np.tile(u, (len(y), 1)),
        np.array(y)[None], np.ones((len(y), len(u))),
    )  # fmt: skip
    result = []
    bend = bends(points, arm) == "yes"
    for multiple in MULTIPLES:
        at = u.max() + np.log(multiple)
        comes = what_comes(points, at, arm == 1, bend)
        ends = [contrast(found, arm, seed, [-1, 1]).ends(0.9) for found in comes]
        low, high = min(a for a, _ in ends), max(b for _, b in ends)
        one, other = (own[0] + curve(at, own[1], own[2], u.max()) for own in truth)
        result.append((low <= other - one <= high, high - low))
    return result


def later(curves: pandas.DataFrame, cut: int) -> str:
    """Differences at the last step, as foretold from the steps to ``cut``."""
    seen = curves[curves["step"] <= cut]
    keys = ["family", "model", "variant", "recipe", "tau", "group_size", "value", "reference"]
    parts = []
    for axis in (axis for axis in varied(curves) if axis != "recipe"):
        truth = compare_settings(curves, axis, x="data", multiples=[1.0])
        ratio = float(truth["at"].max() / seen["data_samples"].max())
        told = compare_settings(seen, axis, x="data", multiples=[ratio])
        kept = [
            own[(own["quantity"] == "ln_loss") & (own["model"] != "all sizes")]
            for own in (truth, told)
        ]
        parts.append(kept[0].merge(kept[1], on=keys, suffixes=("", "_told")))
    both = pandas.concat(parts)
    held = both["difference"].between(both["low_told"], both["high_told"])
    findings = both[(both["low_told"] > 0) | (both["high_told"] < 0)]
    wrong = (findings["difference_told"] * findings["difference"] < 0).sum()
    return (
        f"{held.sum()} of {len(both)} held, {len(findings)} findings of which {wrong} wrong, "
        f"median width {np.median(both['high_told'] - both['low_told']):.2f}"
    )


if __name__ == "__main__":
    main()
