"""The leaderboard of laws: what is asked, how answers are scored, what runs again."""

import argparse
import importlib.metadata
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
import yaml
from curve_tables import straight_curves
from test_bank import CARD

from rlscale.bank.board import ALL, CHOSEN, leaderboard
from rlscale.bank.scores import curve_scores
from rlscale.bank.source import BANK, read_source
from rlscale.bank.tasks import BENCHMARK, REST, SIZE, tasks_of
from rlscale.cli.leaderboard import run
from rlscale.core import registry as registries
from rlscale.core.errors import StudyError
from rlscale.laws import registry

PLUGIN = Path(__file__).parents[1] / "plugin/src"
LAWS = ["free_slopes", "last_value", "constant"]


def write_bank(folder, names=("one", "two"), steps=21):
    for i, name in enumerate(names):
        curves = straight_curves(noise=0.01 + 0.01 * i, steps=range(steps)).assign(study=name)
        (folder / name).mkdir(parents=True)
        curves.to_csv(folder / name / "curves.csv", index=False)
        (folder / name / "card.yaml").write_text(yaml.safe_dump(CARD))
    return folder


@pytest.fixture
def bank(tmp_path):
    return write_bank(tmp_path / "bank")


def call(bank, output, laws=LAWS):
    run(argparse.Namespace(bank=bank, laws=laws, output=output, jobs=1))
    return pandas.read_csv(output / "leaderboard.csv")


def test_every_kind_of_task_is_asked_and_cells_count_once():
    base = list(tasks_of(read_source(BANK / "tan2025_base")))
    asked = {kind: sum(task.kind == kind for task in base) for kind in (REST, SIZE, BENCHMARK)}
    # Eight benchmarks: three shares; three targets by two probes; seven others by two probes.
    assert asked == {REST: 8 * 3, SIZE: 8 * 3 * 2, BENCHMARK: 7 * 2}
    settings = list(tasks_of(read_source(BANK / "tan2025_7b")))
    assert {task.kind for task in settings} == {REST}
    assert not any("reuse/base-tau1-g8" in task.counted for task in settings)
    first, last = settings[0].counted, settings[-1].counted
    assert {cell.split("/")[0] for cell in first} == {"reuse", "group_size"}
    assert {cell.split("/")[0] for cell in last} == {"group_size"}


def test_the_first_part_of_a_curve_counts_from_where_it_begins():
    first = next(tasks_of(read_source(BANK / "tan2025_7b")))
    assert first.split.first_share * 100 == pytest.approx(10 + 0.25 * 90)


def test_scores_of_a_known_forecast():
    q = 1.6448536269514722
    points = pandas.DataFrame(
        {"error": [0.1, -0.3], "low": [0.1 - q * 0.1, -0.3 - q * 0.1],
         "high": [0.1 + q * 0.1, -0.3 + q * 0.1], "point": [0, 1], "law": "a"}
    )  # fmt: skip
    names = {"kind": "rest", "setting": "1/2", "benchmark": "b", "variant": "v", "size": "n"}
    points = points.assign(model="m", **names)
    (row,) = curve_scores(points).to_dict("records")
    assert row["mse"] == pytest.approx(0.05)
    assert row["coverage"] == 0.5
    density = np.exp(-0.5 * np.array([1.0, 9.0])) / (0.1 * np.sqrt(2 * np.pi))
    assert row["log_score"] == pytest.approx(-np.log(density).mean())
    assert row["interval_score"] == pytest.approx(0.2 * q + 20 * (0.3 - q * 0.1) / 2)
    assert sorted(row["reach"]) == pytest.approx([1 / q, 3 / q])


def scored(table):
    """Scores of two curves a model and source, of laws whose errors are given."""
    rows = [
        (source, model, curve, law, error**2, 0.9)
        for (source, law), errors in table.items()
        for model, own in enumerate(errors)
        for curve, error in enumerate((own, own))
    ]
    names = ["source", "model", "benchmark", "law", "mse", "coverage"]
    return pandas.DataFrame(rows, columns=names).assign(
        kind="rest", setting="1/2", variant="v", size="n", log_score=0.0, interval_score=1.0,
        reach=[np.array([0.5, 1.0, 2.0])] * len(rows),
    )  # fmt: skip


def test_differences_know_that_curves_of_a_run_go_together():
    board = leaderboard(
        scored({("s", "a"): [0.1, 0.1, 0.1, 0.1], ("s", "b"): [0.1, 0.1, 0.1, 0.3]})
    )
    rows = board[board["source"] == "s"].set_index("law")
    assert rows.loc["b", "rms"] == pytest.approx(np.sqrt((3 * 0.01 + 0.09) / 4))
    # One model of four makes the difference: it is not told apart.
    assert rows.loc["b", "behind_low"] < 0 < rows.loc["b", "behind"]
    far = leaderboard(scored({("s", "a"): [0.1] * 4, ("s", "b"): [0.2, 0.22, 0.2, 0.21]}))
    assert far.set_index(["source", "law"]).loc[("s", "b"), "behind_low"] > 0


def test_choices_are_made_on_the_other_half_of_the_sources():
    board = leaderboard(
        scored(
            {
                ("s", "a"): [0.1, 0.1],
                ("s", "b"): [0.2, 0.2],
                ("t", "a"): [0.5, 0.5],
                ("t", "b"): [0.3, 0.3],
            }
        )
    ).set_index(["source", "law"])
    # On s the law that did best on t, which is b; on t a.
    assert board.loc[("s", CHOSEN), "rms"] == pytest.approx(0.2)
    assert board.loc[("t", CHOSEN), "rms"] == pytest.approx(0.5)
    assert board.loc[(ALL, CHOSEN), "rms"] == pytest.approx(0.35)
    assert board.loc[("s", "a"), "scale"] == pytest.approx(1.9, abs=0.11)


def test_laws_are_compared_on_the_curves_that_all_answer():
    scores = scored({("s", "a"): [0.1, 0.2], ("s", "b"): [0.2, 0.2], ("s", "c"): [0.2, 0.2]})
    few = (scores["law"] == "c") & ((scores["model"] > 0) | (scores["benchmark"] > 0))
    most = (scores["law"] == "b") & (scores["model"] > 0) & (scores["benchmark"] > 0)
    board = leaderboard(scores[~few & ~most]).set_index(["source", "law"])
    assert board.loc[("s", "a"), "curves"] == board.loc[("s", "b"), "curves"] == 3
    assert board.loc[("s", "a"), "rms"] == pytest.approx(np.sqrt((0.01 + 0.01 + 0.04) / 3))
    assert board.loc[("s", "c"), "curves"] == 1
    assert np.isnan(board.loc[("s", "c"), "rms"])
    assert (ALL, "c") not in board.index


def test_tasks_that_a_law_cannot_answer_are_left_out_and_a_source_without_any_is_refused(tmp_path):
    # Of seven points a quarter of the way are too few for the median of laws, a half is not.
    board = call(write_bank(tmp_path / "short", ("one",), steps=8), tmp_path / "out", ["median"])
    assert set(board.loc[board["kind"] == REST, "setting"]) == {"1/2", "2/3"}
    with pytest.raises(StudyError, match="one: none of median can be fitted"):
        call(write_bank(tmp_path / "shorter", ("one",), steps=5), tmp_path / "out", ["median"])


@pytest.mark.slow
def test_a_change_in_one_source_scores_that_source_alone(bank, tmp_path, capsys):
    first = call(bank, tmp_path / "out")
    assert capsys.readouterr().out.count("scored in") == 2
    card = bank / "two/card.yaml"
    card.write_text(card.read_text().replace("quirks: []", "quirks: [noisier]"))
    second = call(bank, tmp_path / "out")
    said = capsys.readouterr().out
    assert "one: 4 curves, as scored before" in said
    assert "two: 4 curves, scored in" in said
    pandas.testing.assert_frame_equal(first, second)
    page = (tmp_path / "out/leaderboard.md").read_text()
    assert "| `free_slopes` |" in page
    assert (tmp_path / "out/leaderboard.png").stat().st_size > 10_000
    # Straight curves: a line goes on better than a constant.
    rms = first[(first["source"] == ALL) & (first["setting"] == "1/4")].set_index("law")["rms"]
    assert rms["free_slopes"] < rms["constant"] / 2


def test_a_law_of_another_package_appears_by_itself(bank, tmp_path, monkeypatch):
    point = importlib.metadata.EntryPoint(
        "logarithmic", "rlscale_parity.law:Logarithmic", "rlscale.laws"
    )
    monkeypatch.setattr(registries, "entry_points", lambda group: [point])
    monkeypatch.setattr(registry.LAWS, "_own", {"constant": "rlscale.laws.baselines:Constant"})
    monkeypatch.syspath_prepend(PLUGIN)
    registry.LAWS.__dict__.pop("_targets", None)
    try:
        board = call(bank, tmp_path / "out", laws=None)
    finally:
        registry.LAWS.__dict__.pop("_targets", None)
        sys.modules.pop("rlscale_parity", None)
    assert set(board["law"]) == {"constant", "logarithmic", "median_of_laws", CHOSEN}
