"""Votes of samples: answers that say the same vote together, right or wrong."""

import pandas

from rlscale.evaluation.metrics import metric_rows
from rlscale.evaluation.votes import with_votes


def samples(benchmark: str, problem: str, *said: tuple[str | None, str]) -> pandas.DataFrame:
    return pandas.DataFrame(
        {
            "step": 0, "benchmark": benchmark, "problem_id": problem, "sample": range(len(said)),
            "answer": [answer for answer, _ in said], "outcome": [outcome for _, outcome in said],
        }
    )  # fmt: skip


def majority(frame: pandas.DataFrame, k: int) -> float:
    return next(
        row["value"] for row in metric_rows(frame) if (row["metric"], row["k"]) == ("maj", k)
    )


def test_wrong_answers_that_are_the_same_value_vote_together():
    frame = samples(
        "math", "p", ("1/2", "wrong"), ("7", "correct"), (r"\frac{1}{2}", "wrong"),
        ("0.5", "wrong"), ("7.0", "correct"), ("9", "wrong"), (None, "unparsed"),
    )  # fmt: skip
    voted = with_votes(frame, {"math": "math"}, 1)
    assert voted["answer"].tolist()[:6] == ["1/2", "7", "1/2", "1/2", "7.0", "9"]
    assert majority(frame, 7) == 1.0, "as texts, two right ones win over 1, 1, 1 and 1"
    assert majority(voted, 7) == 0.0, "1/2 has three votes"


def test_each_benchmark_has_its_verifier_and_each_problem_its_votes():
    frame = pandas.concat(
        [
            samples("math", "p", ("1/2", "wrong"), ("0.5", "wrong"), ("7", "correct")),
            samples("exact", "p", ("1/2", "wrong"), ("0.5", "wrong"), ("7", "correct")),
            samples("math", "q", ("0.5", "wrong"), ("1/2", "wrong"), ("8", "correct")),
        ],
        ignore_index=True,
    )
    voted = with_votes(frame, {"math": "math", "exact": "exact"}, 1)["answer"].tolist()
    assert voted == ["1/2", "1/2", "7", "1/2", "0.5", "7", "0.5", "0.5", "8"]


def test_where_nothing_is_right_or_nothing_differs_nothing_is_judged(monkeypatch):
    monkeypatch.setattr("rlscale.evaluation.votes.judge", None)
    frame = samples("math", "p", ("1/2", "wrong"), ("0.5", "wrong"), ("0.5", "wrong"))
    assert with_votes(frame, {"math": "math"}, 1)["answer"].tolist() == ["1/2", "0.5", "0.5"]


def test_programs_and_grids_are_the_same_only_as_texts():
    for kind in ("program", "paper_program", "lm_eval_program", "grid", "paper_grid", "paper_math"):
        frame = samples("b", "p", ("f(", "wrong"), ("g {", "wrong"), ("h", "correct"))
        assert with_votes(frame, {"b": kind}, 1)["answer"].tolist() == ["f(", "g {", "h"], kind
