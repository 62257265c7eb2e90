"""Judge responses against gold answers: one answer or many, by any registered verifier.

A verifier knows one kind of answer. Another package adds its own by an entry point of the group
``rlscale.verifiers``; the same verifier serves as training reward and as evaluation score.
"""

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry
from rlscale.core.scalars import check_kind, check_number
from rlscale.judging.alternatives import alternatives
from rlscale.judging.verdicts import Verdict
from rlscale.judging.workers import compare_in_workers

DEADLINE = 5.0


class Verifier(Protocol):
    """All that is asked of a verifier.

    Attributes:
        pooled: Whether ``usable`` and ``compare`` parse text that can cost much time or memory:
            then they run in worker processes, which are killed at their limits.
        packages: Distributions whose version can change a verdict.
    """

    pooled: bool
    packages: tuple[str, ...]

    def extract(self, response: str, gold: str) -> str | None:
        """The part of a response that is judged, or None; in time linear in the response."""

    def respond(self, answer: str) -> str:
        """A response that gives this answer: ``extract`` finds it there."""

    def usable(self, gold: str) -> bool:
        """Whether answers can be compared with this gold answer."""

    def compare(self, answer: str, gold: str) -> Verdict:
        """Judge an extracted answer against a usable gold answer."""


@runtime_checkable
class ProvesItself(Protocol):
    """A verifier that judges known cases first, before anything is generated."""

    def prove(self, isolation: str) -> dict[str, str]:
        """What is to be noted of this machine.

        Args:
            isolation: The least isolation of programs that is demanded.

        Raises:
            StudyError: It does not judge as it should here.
        """


VERIFIERS: Registry[Verifier] = Registry(
    "verifier",
    "rlscale.verifiers",
    {
        "exact": "rlscale.judging.plain:EXACT",
        "number": "rlscale.judging.plain:NUMBER",
        "math": "rlscale.judging.mathematics:MATH",
        "choice": "rlscale.judging.choice:CHOICE",
        "grid": "rlscale.judging.grid:GRID",
        "program": "rlscale.judging.program:PROGRAM",
        "stdin_program": "rlscale.judging.stdin_program:STDIN_PROGRAM",
        "instructions": "rlscale.judging.instructions:INSTRUCTIONS",
        "final_answer": "rlscale.judging.final_answer:FINAL_ANSWER",
        "paper_math": "rlscale.judging.paper:MATH",
        "paper_ending": "rlscale.judging.paper:ENDING",
        "paper_number": "rlscale.judging.paper:NUMBERS",
        "paper_choice": "rlscale.judging.paper:LETTERS",
        "paper_grid": "rlscale.judging.paper:CELLS",
        "paper_program": "rlscale.judging.paper:PROGRAMS",
        "math_verify": "rlscale.judging.lm_eval:MATH_VERIFY",
        "lm_eval_gsm8k": "rlscale.judging.lm_eval:GSM8K",
        "lm_eval_aime": "rlscale.judging.lm_eval:AIME",
        "lm_eval_program": "rlscale.judging.lm_eval:COMPLETION",
    },
)


def verify(response: str, gold: str, kind: str = "math", *, deadline: float = DEADLINE) -> Verdict:
    r"""Judge one response.

    Args:
        response: What a model said.
        gold: The right answer.
        kind: Name of a verifier.
        deadline: CPU seconds that a pooled verifier may spend.

    Raises:
        StudyError: Unknown kind, or the verifier's workers cannot run.

    Example:
        >>> verify(r"Half of it, so \boxed{0.5}.", r"\frac{1}{2}").outcome
        'correct'
    """
    return judge([response], [gold], kind, deadline=deadline)[0]


def judge(
    responses: Sequence[str],
    golds: Sequence[str],
    kind: str = "math",
    *,
    deadline: float = DEADLINE,
    workers: int = 1,
) -> list[Verdict]:
    """Judge responses against their gold answers; equal questions are judged once.

    Args:
        responses: What models said, shape (n,).
        golds: The right answers, shape (n,); ``rlscale.judging.alternatives`` has the form of
            those of which any one is right.
        kind: Name of a verifier.
        deadline: CPU seconds that a pooled verifier may spend on one answer; beyond: ``timeout``.
        workers: Processes that judge at the same time; the verdicts do not depend on it.

    Returns:
        A verdict per response, shape (n,); its outcome is None where the gold cannot be used.

    Raises:
        StudyError: Unknown kind, responses or golds that are no texts or not as many, or the
            verifier's workers or sandbox cannot run.

    Example:
        >>> [verdict.outcome for verdict in judge(["It is 7.", "It is 8."], ["7", "7"], "number")]
        ['correct', 'wrong']
    """
    check_kind(kind, str, "kind", "the name of a verifier")
    verifier = VERIFIERS.get(kind)
    check_number(deadline, "deadline", 0)
    _check_texts(responses, "responses")
    _check_texts(golds, "golds")
    if len(responses) != len(golds):
        raise StudyError(f"judge: {len(responses)} responses, {len(golds)} golds; give pairs")
    several = [alternatives(gold) for gold in golds]
    asked = [
        (verifier.extract(response, gold), gold)
        for response, own in zip(responses, several, strict=True)
        for gold in own
    ]
    verdicts = iter(_judge_each_once(kind, asked, deadline, workers))
    return [_best([next(verdicts) for _ in own]) for own in several]


def _check_texts(texts: Collection[str], name: str) -> None:
    """Refuse one text in the place of many, and name the first of many that is none."""
    many = Collection if not isinstance(texts, str) else list
    check_kind(texts, many, name, "a list of texts")
    for place, text in enumerate(texts):
        check_kind(text, str, f"{name}[{place}]", "a text")


def _judge_each_once(
    kind: str, asked: Sequence[tuple[str | None, str]], deadline: float, workers: int
) -> list[Verdict]:
    """A verdict per extracted answer and its gold, shape (n,), where equal ones share one."""
    verifier = VERIFIERS.get(kind)
    distinct = list(dict.fromkeys(asked))
    if verifier.pooled:
        verdicts = compare_in_workers(kind, distinct, deadline, workers)
    else:
        with ThreadPoolExecutor(max(1, workers)) as threads:
            verdicts = list(
                threads.map(lambda q: decide(verifier, *q, usable=verifier.usable(q[1])), distinct)
            )
    found = dict(zip(distinct, verdicts, strict=True))
    return [found[question] for question in asked]


# Of the verdicts by several golds, the first in this order; no gold may be one that cannot be used.
_PREFERENCE = (None, "correct", "timeout", "wrong", "unparsed")


def _best(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict where any of several gold answers is right."""
    return min(verdicts, key=lambda verdict: _PREFERENCE.index(verdict.outcome))


def decide(verifier: Verifier, answer: str | None, gold: str, *, usable: bool) -> Verdict:
    """The verdict on an extracted answer, in this process.

    Args:
        verifier: Who judges.
        answer: What it extracted of the response; None where it found none.
        gold: The right answer.
        usable: Whether the verifier can use the gold answer.
    """
    if not usable:
        return Verdict(None, answer, "the gold answer cannot be used")
    if answer is None:
        return Verdict("unparsed", None, "no answer in the response")
    return verifier.compare(answer, gold)


def prove(kinds: Iterable[str], isolation: str) -> dict[str, dict[str, str]]:
    """Let verifiers prove themselves; what those that do have noted of this machine, by name.

    Args:
        kinds: Names of verifiers.
        isolation: The least isolation of programs that is demanded.

    Raises:
        StudyError: One does not judge as it should here.
    """
    found = {kind: VERIFIERS.get(kind) for kind in sorted(kinds)}
    return {
        kind: verifier.prove(isolation)
        for kind, verifier in found.items()
        if isinstance(verifier, ProvesItself)
    }


def usable_golds(golds: Sequence[str], kind: str, *, workers: int = 1) -> list[bool]:
    """Whether a verifier can use each gold answer, shape (n,): judged against itself."""
    respond = VERIFIERS.get(kind).respond
    responses = [respond(alternatives(gold)[0]) for gold in golds]
    verdicts = judge(responses, golds, kind, workers=workers)
    return [verdict.outcome is not None for verdict in verdicts]


def equal_answers(first: str, second: str, kind: str) -> bool:
    """Whether two answers are the same for a verifier, in at least one direction."""
    respond = VERIFIERS.get(kind).respond
    responses = [(respond(one), second) for one in alternatives(first)]
    responses += [(respond(one), first) for one in alternatives(second)]
    verdicts = judge([response for response, _ in responses], [gold for _, gold in responses], kind)
    return any(verdict.outcome == "correct" for verdict in verdicts)
