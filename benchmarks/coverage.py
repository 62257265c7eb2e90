"""Coverage of the law's intervals over simulated studies (docs/law.md records a run).

    python benchmarks/coverage.py --studies 1000 --runs 3 5

Seeds are fixed here, before any run: a study's random numbers come from (20261123, runs, truth,
number of the study). What was tuned (the effective degrees of freedom) was tuned on other seeds.
"""

import argparse
import time

import numpy as np

from rlscale.answers.coverage import cover_study
from rlscale.laws.simulate import floor_truth, power_truth, saturating_truth

SEED = 20261123
TRUTHS = {"saturating": saturating_truth, "power": power_truth, "floor": floor_truth}


def main() -> None:
    """Run the campaign and print one line per quantity."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--wrong", type=int, default=200, help="studies per wrong law")
    parser.add_argument("--runs", type=int, nargs="+", default=[3, 5])
    arguments = parser.parse_args()
    for runs in arguments.runs:
        for number, (name, make) in enumerate(TRUTHS.items()):
            studies = arguments.studies if name == "saturating" else arguments.wrong
            report(name, make, [SEED, runs, number], runs, studies)


def report(name, make, seed, runs, studies) -> None:
    """Simulate studies of one truth and print coverage with its Monte-Carlo error."""
    started = time.time()
    hits, verdicts = {}, []
    for study in range(studies):
        found, verdict = cover_study([*seed, study], make, runs)
        verdicts.append(verdict)
        for key, values in found.items():
            hits.setdefault(key, []).append(values)
    print(f"\ntruth {name}, {runs} runs, {studies} studies, {time.time() - started:.0f} s")
    counts = {verdict: verdicts.count(verdict) / studies for verdict in sorted(set(verdicts))}
    print("verdicts: " + ", ".join(f"{key} {share:.3f}" for key, share in counts.items()))
    for (scope, quantity), values in hits.items():
        per_study = np.array(values, float)
        overall = per_study.mean()
        # Studies are independent, the sizes within one are not.
        error = per_study.mean(1).std(ddof=1) / np.sqrt(studies)
        sizes = " ".join(f"{share:.3f}" for share in per_study.mean(0))
        print(f"{scope:8} {quantity:10} {overall:.3f} +- {error:.3f}   by size: {sizes}")


if __name__ == "__main__":
    main()
