"""A random study comes back equal: in any format, shuffled, cut by a resume, split over files."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from run_writers import WRITERS

from rlscale.curves.ingest import read_runs

ONE_FILE = ("mlflow folder",)  # a store, not a log that goes on in another file


@dataclass(frozen=True)
class Case:
    """How one run is logged.

    Attributes:
        form: Key of ``WRITERS``.
        steps: Ascending.
        cut, back: It stops after ``cut`` steps, and a resume begins ``back`` before.
        order: Seed of an order of rows, in the place of a resume; None keeps theirs.
        split: Whether what follows the cut is in a file of its own.
    """

    form: str
    steps: list[int]
    cut: int
    back: int
    order: int | None
    split: bool


CASES = strategies.builds(
    Case,
    form=strategies.sampled_from(sorted(WRITERS)),
    steps=strategies.lists(
        strategies.integers(1, 500), min_size=2, max_size=30, unique=True
    ).map(sorted),
    cut=strategies.integers(1, 29),
    back=strategies.integers(0, 5),
    order=strategies.none() | strategies.integers(0, 9),
    split=strategies.booleans(),
)  # fmt: skip


def comes_back(folder: Path, runs: list[Case]) -> None:
    """Write every run, read them all, compare what was written with what was read."""
    for seed, case in enumerate(runs):
        writer = WRITERS[case.form]
        rows = [{"step": s, "acc": (s + seed) / 1000, "tok": 7 * s} for s in case.steps]
        cut = min(case.cut, len(rows) - 1)
        logged = rows[:cut] + rows[max(1, cut - case.back) :]
        if case.order is not None:
            logged = [rows[i] for i in np.random.default_rng(case.order).permutation(len(rows))]
        split = case.split and case.form not in ONE_FILE
        files = {}
        for number, piece in enumerate([logged[:cut], logged[cut:]] if split else [logged]):
            path = folder / f"{seed}-{number}" / writer.name
            path.parent.mkdir()
            writer.write(piece, path)
            files[str(path)] = {"seed": seed}
        columns = {
            "loss": f"1 - {writer.prefix}acc",
            "tokens": f"{writer.prefix}tok",
            "data_samples": f"cumulative {writer.prefix}tok",
        }
        constants = {"model": "7b", "variant": "base", "benchmark": "b", "n_params": 7e9}
        section = {"format": writer.form, "files": files, "columns": columns,
                   "constants": constants}  # fmt: skip
        intake = read_runs(section, "mine")
        table, steps = intake.table, np.array(case.steps)
        assert table["step"].tolist() == case.steps
        np.testing.assert_allclose(table["loss"], 1 - (steps + seed) / 1000, rtol=1e-12)
        assert table["tokens"].tolist() == (7 * steps).tolist()
        assert table["data_samples"].tolist() == np.cumsum(7 * steps).tolist()
        (account,) = intake.accounts.values()
        assert account.used == len(rows)
        assert account.rows == account.used + account.without_loss + account.superseded


@settings(max_examples=25, deadline=None)
@given(case=CASES)
def test_a_run_comes_back_equal(case):
    with tempfile.TemporaryDirectory() as folder:
        comes_back(Path(folder), [case])


@pytest.mark.long
@settings(max_examples=1500, deadline=None)
@given(runs=strategies.lists(CASES, min_size=1, max_size=6))
def test_a_study_comes_back_equal(runs):
    with tempfile.TemporaryDirectory() as folder:
        comes_back(Path(folder), runs)
