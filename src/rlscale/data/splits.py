"""The held-out problems: drawn by difficulty strata, in whole clusters."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError


def strata_of(pass_rate: pandas.Series, strata: Mapping[str, float]) -> pandas.Series:
    """Name each problem's difficulty stratum.

    Args:
        pass_rate: Pass rates in [0, 1]; missing means never solved (PAPER).
        strata: Name -> lowest pass rate of the stratum, such as {easy: 0.3, hard: 0}.

    Raises:
        StudyError: No stratum begins at 0, so some problems would have none.
    """
    lowest = sorted((start, name) for name, start in strata.items())
    if not lowest or lowest[0][0] != 0:
        raise StudyError("strata: one stratum must begin at pass rate 0, so that all problems fit")
    starts = np.array([start for start, _ in lowest])
    index = np.searchsorted(starts, pass_rate.fillna(0).to_numpy(), side="right") - 1
    return pandas.Series([lowest[i][1] for i in index], index=pass_rate.index, dtype=object)


def quotas(sizes: Mapping[str, int], wanted: int | Mapping[str, int]) -> dict[str, int]:
    """Held-out problems per stratum: as given, or in proportion to the strata's sizes.

    Args:
        sizes: Problems in each stratum.
        wanted: Number in all, shared out by largest remainder, or number per stratum.

    Raises:
        StudyError: A stratum is unknown, or more is wanted than half of it.
    """
    if isinstance(wanted, int):
        total = sum(sizes.values())
        exact = {name: wanted * size / total for name, size in sizes.items()}
        shares = {name: int(share) for name, share in exact.items()}
        by_remainder = sorted(sizes, key=lambda name: (shares[name] - exact[name], name))
        for name in by_remainder[: wanted - sum(shares.values())]:
            shares[name] += 1
    else:
        shares = dict(wanted)
    for name, share in shares.items():
        if name not in sizes:
            raise StudyError(
                f"held_out: there is no stratum '{name}'; the strata are {', '.join(sizes)}"
            )
        if 2 * share > sizes[name]:
            raise StudyError(
                f"held_out: {share} problems are wanted of stratum '{name}', which has "
                f"{sizes[name]}; at most half of a stratum can be held out"
            )
    return shares


def draw_held_out(
    level: "Sequence[str] | pandas.Series",
    cluster: "Sequence[str] | pandas.Series",
    shares: Mapping[str, int],
    seed: int,
) -> np.ndarray:
    """Draw held-out rows, whole clusters at a time.

    Clusters are visited in an order that depends only on the seed and their name; one is taken
    when all of its rows fit into what their strata still lack.

    Args:
        level: Stratum of each row, shape (n,).
        cluster: Cluster of each row, shape (n,).
        shares: Rows wanted per stratum.
        seed: Seed of the draw.

    Returns:
        Mask of the held-out rows, shape (n,).

    Raises:
        StudyError: The clusters cannot be combined to the wanted numbers.
    """
    levels = np.asarray(level, dtype=object)
    members_of: dict[str, list[int]] = {}
    for row, name in enumerate(cluster):
        members_of.setdefault(name, []).append(row)
    lacking = dict(shares)
    held_out = np.zeros(len(levels), bool)
    for name in sorted(members_of, key=lambda name: digest([seed, name])):
        members = members_of[name]
        needed = Counter(levels[members])
        if all(lacking.get(stratum, 0) >= count for stratum, count in needed.items()):
            held_out[members] = True
            for stratum, count in needed.items():
                lacking[stratum] -= count
    short = {stratum: count for stratum, count in lacking.items() if count}
    if short:
        raise StudyError(f"held_out: whole clusters cannot fill these strata: {short} are missing")
    return held_out
