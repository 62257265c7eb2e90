"""What samples vote for: wrong answers that the verifier calls the same are one answer."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from rlscale.judging.verifiers import VERIFIERS, judge

if TYPE_CHECKING:
    import pandas

Pair = tuple[str, str]


def with_votes(
    frame: "pandas.DataFrame", verifiers: Mapping[str, str], workers: int
) -> "pandas.DataFrame":
    """Judged samples with each wrong answer replaced by the first one that says the same.

    Only where it can decide a vote: problems with a right answer and several wrong ones.

    Args:
        frame: Judged samples: step, benchmark, problem_id, outcome and answer.
        verifiers: Benchmark -> name of its verifier.
        workers: Processes that judge at the same time.
    """
    wrong = frame["outcome"].eq("wrong") & frame["answer"].notna()
    keys = ["step", "benchmark", "problem_id"]
    open_votes = frame["outcome"].eq("correct").groupby([frame[key] for key in keys])
    wrong &= open_votes.transform("any")
    answers = frame["answer"].copy()
    for kind, own in frame[wrong].groupby(frame["benchmark"].map(verifiers)):
        groups = [list(dict.fromkeys(part["answer"])) for _, part in own.groupby(keys)]
        equal = _equal(groups, str(kind), workers)
        for (_, part), said in zip(own.groupby(keys), groups, strict=True):
            answers.loc[part.index] = part["answer"].map(_first_equals(said, equal))
    return frame.assign(answer=answers)


def _equal(groups: Sequence[Sequence[str]], kind: str, workers: int) -> set[Pair]:
    """The pairs within groups that the verifier calls the same, in either direction."""
    pairs = list(dict.fromkeys(pair for group in groups for pair in combinations(group, 2)))
    both = [*pairs, *((second, first) for first, second in pairs)]
    respond = VERIFIERS.get(kind).respond
    said = judge(
        [respond(one) for one, _ in both], [gold for _, gold in both], kind, workers=workers
    )
    return {
        pair
        for pair, verdict in zip([*pairs, *pairs], said, strict=True)
        if verdict.outcome == "correct"
    }


def _first_equals(answers: Sequence[str], equal: set[Pair]) -> dict[str, str]:
    """Answer -> the first answer that it equals, or itself."""
    firsts: dict[str, str] = {}
    for answer in answers:
        earlier = (first for first in firsts.values() if (first, answer) in equal)
        firsts[answer] = next(earlier, answer)
    return firsts
