"""Coverage of intervals and truth of verdicts under real designs (docs/law.md records a run).

    python benchmarks/designs.py --studies 500

A study's random numbers come from (seed, name of the design, number of the study). Coverage is of
the law's best fit to the curves without runs and noise; k at twice the largest size is a new draw
of the truth, its scatter included.
"""

import argparse
import time
import zlib
from dataclasses import replace

import numpy as np

from rlscale.laws.designs import Design, draw_study
from rlscale.laws.fitting import fit_points
from rlscale.laws.points import points_of
from rlscale.laws.registry import law_named
from rlscale.laws.spec import Bootstrap, FitSpec, Settings
from rlscale.laws.study import fit_group

CHECKPOINTS = tuple(512.0 * np.array([2, 4, 8, 16, 32, 64, 105]))
FOUR = (0.5e9, 3e9, 14e9, 72e9)
SMALL = Design(n=FOUR, x=CHECKPOINTS)
ALL = Design()
CUT = tuple((m, 1, 0.3) for m in (3,))
DESIGNS = {
    "7 x 105, 3 runs": ALL,
    "AR .5": replace(ALL, correlation=0.5),
    "AR .9": replace(ALL, correlation=0.9),
    "2 runs": replace(ALL, runs=(2,) * 7),
    "5 runs": replace(ALL, runs=(5,) * 7),
    "runs 5,5,3,3,2,1,1": replace(ALL, runs=(5, 5, 3, 3, 2, 1, 1)),
    "spread with k": replace(ALL, absolute=0.0, relative=0.1),
    "4 x 7, 2 runs": replace(SMALL, runs=(2,) * 4),
    "4 x 7, 3 runs": replace(SMALL, runs=(3,) * 4),
    "4 x 7, 5 runs": replace(SMALL, runs=(5,) * 4),
    "a run stops at 30 %": replace(ALL, runs=(2,) * 7, level=0.05, stops=CUT),
    "plateau": replace(ALL, bend="plateau"),
    "onset": replace(ALL, bend="onset"),
    "power": replace(ALL, truth="power"),
    "power 4 x 7": replace(SMALL, truth="power", runs=(3,) * 4),
    "scatter 5 %": replace(ALL, scatter=0.05),
    "scatter 20 %": replace(ALL, scatter=0.2),
    "power, scatter 20 %": replace(ALL, truth="power", scatter=0.2),
    "one run": replace(ALL, runs=(1,) * 7),
    "one run, AR .9": replace(ALL, runs=(1,) * 7, correlation=0.9),
    "runs 1,1,2,3,3,5,5": replace(ALL, runs=(1, 1, 2, 3, 3, 5, 5)),
}


def main() -> None:
    """Run the campaign and print one row per design."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--designs", nargs="*", default=list(DESIGNS))
    arguments = parser.parse_args()
    print("| design | K_max | N0 | k(top) | free k | k at 2x | saturates i/n/p | bends | s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.designs:
        number = zlib.crc32(name.encode())
        started = time.process_time()
        found = [
            one([arguments.seed, number, i], DESIGNS[name], arguments.replicates)
            for i in range(arguments.studies)
        ]
        row(name, found, (time.process_time() - started) / arguments.studies)


def one(seed: list[int], design: Design, replicates: int) -> dict:
    """Fit one study; what its intervals hold, and the verdicts."""
    rng = np.random.default_rng(seed)
    study = draw_study(rng, design)
    spec = FitSpec(settings=Settings(bootstrap=Bootstrap(replicates, seed[-1])))
    result, _ = fit_group(study.group, spec)
    points = points_of(study.group, "variance")
    best = fit_points(law_named("saturating"), replace(points, y=study.expected[None]))
    truth = {name: float(value[0]) for name, value in best.shared_parameters().items()}
    hits = {name: held(result.parameters[name].intervals["fixed"], truth[name]) for name in truth}
    # The band's last N within the sizes; the truth is read at that very N.
    ends = [point for point in result.curve if point.n <= points.n[-1] * 1.0001][-1]
    top = best.k(np.array([ends.n]))[0, 0]
    hits["top"] = None if ends.low is None else ends.low <= top <= ends.high
    free = [
        held(size.k.intervals["fixed"], k)
        for size, k in zip(result.sizes, best.slope[0], strict=True)
    ]
    hits["free"] = None if free[0] is None else float(np.mean(free))
    n = 2 * points.n[-1]
    later = design.law(n) * (1 + design.scatter * rng.standard_normal())
    beyond = result.beyond[0] if result.beyond else None
    hits["beyond"] = None if beyond is None else beyond.low <= later <= beyond.high
    return hits | {"saturates": result.verdicts.saturates, "bends": result.verdicts.bends}


def held(interval, value: float) -> bool | None:
    """Whether an interval holds a value; None where there is no interval."""
    if interval.status != "ok":
        return None
    low = -np.inf if interval.low is None else interval.low
    high = np.inf if interval.high is None else interval.high
    return low <= value <= high


def row(name: str, found: list[dict], seconds: float) -> None:
    """Print one design's line."""

    def share(key):
        known = [own[key] for own in found if own[key] is not None]
        return f"{np.mean(known):.3f}" if known else "none"

    count = len(found)
    verdicts = "/".join(
        f"{100 * sum(own['saturates'] == kind for own in found) / count:.0f}"
        for kind in ("identified", "not_identified", "power")
    )
    bends = 100 * sum(own["bends"] == "yes" for own in found) / count
    shares = " | ".join(share(key) for key in ("K_max", "N0", "top", "free", "beyond"))
    print(f"| {name} | {shares} | {verdicts} | {bends:.0f} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
