"""Tables of outcomes and scores from judged samples.

The loss is 1 - correct / n over problems with a usable gold answer: wrong, unparsed, clipped and
timed-out responses all count as not correct. Where a rule of scoring counts the right parts of an
answer, these shares (``credit``) take the place of 0 and 1.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.evaluation.metrics import clustered_mean, metric_rows, sampling_error, suite
from rlscale.judging.verdicts import OUTCOMES

if TYPE_CHECKING:
    import pandas


def unusable_golds(frame: "pandas.DataFrame") -> dict[str, list[str]]:
    """Benchmark -> ids of problems whose gold answer cannot be used."""
    bad = frame[frame["outcome"].isna()]
    return {
        str(name): sorted(group["problem_id"].unique()) for name, group in bad.groupby("benchmark")
    }


def outcome_counts(frame: "pandas.DataFrame", cell: str) -> "pandas.DataFrame":
    """Outcomes per problem: cell, step, benchmark, problem_id, n and n_<outcome>.

    Problems whose gold answer cannot be used for any sample are left out as a whole.
    """
    usable = _usable(frame)
    keys = ["step", "benchmark", "problem_id"]
    grouped = usable.groupby(keys, sort=True)
    counts = grouped.size().rename("n").to_frame()
    for outcome in OUTCOMES:
        hits = usable["outcome"].eq(outcome).groupby([usable[key] for key in keys], sort=True)
        counts[f"n_{outcome}"] = hits.sum().astype("int64")
    table = counts.reset_index()
    table.insert(0, "cell", cell)
    return table


def _usable(frame: "pandas.DataFrame") -> "pandas.DataFrame":
    bad = frame.loc[frame["outcome"].isna(), ["benchmark", "problem_id"]].drop_duplicates()
    marks = frame.set_index(["benchmark", "problem_id"]).index
    return frame[~marks.isin(bad.set_index(["benchmark", "problem_id"]).index)]


def score_table(
    frame: "pandas.DataFrame", scorings: Mapping[str, tuple[str, str]]
) -> "pandas.DataFrame":
    """Scores per step and benchmark: counts, pass@1, loss with its standard error, lengths.

    Args:
        frame: Judged samples.
        scorings: Benchmark -> name of its scoring and digest of the rule.
    """
    import pandas

    rows = [
        {
            "step": step,
            "benchmark": name,
            **_score(group),
            **dict(zip(("scoring", "scoring_digest"), scorings[str(name)], strict=True)),
        }
        for (step, name), group in _usable(frame).groupby(["step", "benchmark"])
    ]
    return pandas.DataFrame(rows)


def _score(group: "pandas.DataFrame") -> dict[str, Any]:
    correct = group["outcome"].eq("correct").astype(float)
    by_problem = group.assign(correct=group["credit"].fillna(correct)).groupby("problem_id")
    means = by_problem["correct"].agg(["mean", "size", "sum"])
    rate, error = clustered_mean(means["mean"], means["size"])
    counts = {name: int(group["outcome"].eq(name).sum()) for name in OUTCOMES}
    judged = len(group) - counts["timeout"]
    return {
        "n_problems": len(means),
        "n_samples": len(group),
        **{f"n_{name}": count for name, count in counts.items()},
        "clipped_share": float(group["finish_reason"].eq("length").mean()),
        "pass_at_1": rate,
        "loss": 1 - rate,
        "loss_se": error,
        "loss_se_samples": sampling_error(means["sum"], means["size"]),
        "loss_without_timeouts": 1 - means["sum"].sum() / judged if judged else float("nan"),
        "response_length": float(group["tokens"].mean()),
    }


def metric_table(
    frame: "pandas.DataFrame",
    scores: "pandas.DataFrame",
    suites: Mapping[str, Mapping[str, float]],
) -> "pandas.DataFrame":
    """pass@k, worst@k and maj@k per step and benchmark; losses of weighted suites of benchmarks.

    Args:
        frame: Judged samples.
        scores: ``score_table`` of them.
        suites: Suite -> benchmark -> weight; its rows have benchmark ``suite:<name>``.
    """
    import pandas

    rows = [
        {"step": step, "benchmark": name, **row}
        for (step, name), group in _usable(frame).groupby(["step", "benchmark"])
        for row in metric_rows(group)
    ]
    for step, group in scores.groupby("step"):
        losses = {
            row["benchmark"]: (row["loss"], row["loss_se"]) for row in group.to_dict("records")
        }
        for name, weights in suites.items():
            loss, error = suite(losses, weights)
            entry = {"step": step, "benchmark": f"suite:{name}", "metric": "loss", "k": 1}
            rows.append({**entry, "value": loss, "se": error})
    return pandas.DataFrame(rows, columns=["step", "benchmark", "metric", "k", "value", "se"])
