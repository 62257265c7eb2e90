"""Training variants that use each problem tau times: D_unique x tau = D_total."""

import math
from collections.abc import Sequence

import numpy as np
import pandas

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError


def largest_steps(available: int, prompts_per_step: int, taus: Sequence[int]) -> int:
    """Most steps that a pool of problems allows for all repetition factors.

    Returns:
        The largest multiple of lcm(taus) with steps x prompts_per_step <= available.
    """
    common = math.lcm(*taus)
    return available // (prompts_per_step * common) * common


def repeat(
    pool: pandas.DataFrame,
    *,
    prompts_per_step: int,
    steps: int,
    tau: int,
    taus: Sequence[int],
    subsets: str,
    layout: str,
    seed: int,
) -> pandas.DataFrame:
    """Lay a pool of problems out over a run's steps, each problem tau times.

    D_total = prompts_per_step x steps problems are the first of the pool (PAPER: the first 51,200
    of 53,904). Of these, D_unique = D_total / tau are drawn in proportion to the difficulty strata
    (level and tenth of the pass rate) and kept in the pool's order.

    Args:
        pool: Clean training problems in curriculum order.
        prompts_per_step: Problems per step.
        steps: Steps of the run.
        tau: Times each problem is used.
        taus: All repetition factors of the recipe.
        subsets: ``nested``: the problems of a larger tau are a part of those of a smaller one;
            ``independent``: each tau draws anew.
        layout: ``per_epoch``: the whole subset, easy to hard, tau times over; ``interleaved``:
            each step's problems for tau steps in a row, so that difficulty rises once over the
            run, as it does for tau = 1. In neither does a step hold a problem twice.
        seed: Seed of the draw.

    Returns:
        The pool's columns plus ``position`` (0-based place in the order of consumption), ``step``
        (1-based) and ``epoch`` (1-based count of the problem's use), D_total rows in order.

    Raises:
        StudyError: The pool is too small, or tau does not divide the steps.
    """
    _check_fits(len(pool), prompts_per_step, steps, tau, taus)
    total = prompts_per_step * steps
    unique = total // tau
    everything = pool.iloc[:total].reset_index(drop=True)
    draw = f"{seed}" if subsets == "nested" else f"{seed}/{tau}"
    chosen = np.sort(_stratified_order(everything, draw)[:unique])
    index, epoch = _order_of_use(chosen.reshape(-1, prompts_per_step), tau, layout)
    variant = everything.iloc[index].reset_index(drop=True)
    variant["position"] = np.arange(total)
    variant["step"] = variant["position"] // prompts_per_step + 1
    variant["epoch"] = epoch
    _assert_reuse(variant, unique, tau)
    return variant


def _check_fits(
    available: int, prompts_per_step: int, steps: int, tau: int, taus: Sequence[int]
) -> None:
    total = prompts_per_step * steps
    if total > available:
        allowed = largest_steps(available, prompts_per_step, taus)
        raise StudyError(
            f"{steps} steps of {prompts_per_step} problems need {total} distinct problems, but the "
            f"cleaned set has {available}: it allows {allowed} steps (the largest multiple of "
            f"lcm(tau) = {math.lcm(*taus)}); lower 'steps' or add problems"
        )
    if steps % tau:
        raise StudyError(
            f"tau {tau} does not divide {steps} steps, so an epoch would end inside a step; "
            f"make 'steps' a multiple of lcm(tau) = {math.lcm(*taus)}"
        )


def _order_of_use(chosen: np.ndarray, tau: int, layout: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the order in which a run uses them, and which use of its problem each is (from 1).

    Args:
        chosen: Rows of the problems that are used, shape (batches, prompts per step).
        tau: Times each is used.
        layout: As for ``repeat``.

    Returns:
        Two arrays of shape (batches x prompts per step x tau,).
    """
    batches, prompts_per_step = chosen.shape
    uses = np.arange(1, tau + 1)
    if layout == "per_epoch":
        return np.tile(chosen.reshape(-1), tau), np.repeat(uses, chosen.size)
    epoch = np.repeat(np.tile(uses, batches), prompts_per_step)
    return np.repeat(chosen, tau, axis=0).reshape(-1), epoch


def _stratified_order(problems: pandas.DataFrame, draw: str) -> np.ndarray:
    """An order of all rows whose every beginning holds each stratum in proportion.

    Within its stratum of n problems a problem of random rank r gets the key (r + 1/2) / n.
    """
    tenth = np.floor(problems["pass_rate"].fillna(0) * 10).astype(int)
    stratum = problems["level"] + "/" + tenth.astype(str)
    lot = pandas.Series([digest([draw, name]) for name in problems["problem_id"]])
    frame = pandas.DataFrame({"stratum": stratum, "lot": lot}).sort_values(["stratum", "lot"])
    sizes = frame.groupby("stratum")["lot"].transform("size")
    frame["key"] = (frame.groupby("stratum").cumcount() + 0.5) / sizes
    return frame.sort_values(["key", "lot"]).index.to_numpy()


def _assert_reuse(variant: pandas.DataFrame, unique: int, tau: int) -> None:
    """D_unique x tau = D_total, every problem tau times, none twice in a step."""
    uses = variant.groupby("problem_id").size()
    assert len(uses) == unique, f"{len(uses)} unique problems where {unique} were meant"
    assert (uses == tau).all(), "a problem is not used tau times"
    assert not variant.duplicated(["step", "problem_id"]).any(), "a step holds a problem twice"
