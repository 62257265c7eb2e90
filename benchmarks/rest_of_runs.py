"""Coverage and width of forecasts of the rest of a run (docs/law.md records a run).

    python benchmarks/rest_of_runs.py --studies 25

By the law ``median``, from the first 1/4, 1/2 and 2/3 of the steps; nominal 90 %. A study's random
numbers come from (seed, number of the study).
"""

import argparse
from dataclasses import replace

import numpy as np

from rlscale.answers.forecast import forecast_group
from rlscale.answers.splits import Split, Target
from rlscale.laws.designs import Design, draw_study
from rlscale.laws.spec import FitSpec

ALL = Design()
DESIGNS = {
    "straight": ALL,
    "AR .5": replace(ALL, correlation=0.5),
    "2 runs": replace(ALL, runs=(2,) * 7),
    "plateau from 1/2 of the steps": replace(ALL, bend="plateau"),
    "onset at 1/5 of the steps": replace(ALL, bend="onset"),
}
SHARES = (1 / 4, 1 / 2, 2 / 3)


def main() -> None:
    """Run the campaign and print one row per design: coverage (mean width) by what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=25)
    parser.add_argument("--seed", type=int, default=20261126)
    arguments = parser.parse_args()
    print("| design | 1/4 seen | 1/2 | 2/3 |\n| --- | --- | --- | --- |")
    for name, design in DESIGNS.items():
        cells = []
        for share in SHARES:
            found = [one([arguments.seed, i], design, share) for i in range(arguments.studies)]
            covered, width = np.mean(found, axis=0)
            cells.append(f"{covered:.2f} ({width:.3f})")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def one(seed: list[int], design: Design, share: float) -> tuple[float, float]:
    """Share of the rest's points inside their intervals, and the intervals' mean width."""
    group = draw_study(np.random.default_rng(seed), design).group
    early = group.steps <= share * group.steps[-1]
    targets = [
        Target(group.family, group.variant, *own) for own in zip(group.models, group.n, strict=True)
    ]
    seen = group.part(steps=early)
    y, u = (
        np.log(group.per_size(group.value))[:, ~early],
        np.log(group.per_size(group.x))[:, ~early],
    )
    inside, widths = [], []
    forecasts = forecast_group(seen, targets, FitSpec(law="median"), Split("intra", share))
    for m, found in enumerate(forecasts):
        at = np.log([row.x for row in found.grid])
        low, high = (
            np.interp(u[m], at, [getattr(row, end) for row in found.grid])
            for end in ("low", "high")
        )
        inside.append((low <= y[m]) & (y[m] <= high))
        widths.append(high - low)
    return float(np.mean(inside)), float(np.mean(widths))


if __name__ == "__main__":
    main()
