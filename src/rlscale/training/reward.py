"""The verified reward, and the record that it keeps: problems consumed, tokens, seconds."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rlscale.accounting.ledger import Tokens
from rlscale.accounting.timings import Timings
from rlscale.core.errors import StudyError
from rlscale.judging.verifiers import judge

if TYPE_CHECKING:
    import pandas
    from transformers import PreTrainedTokenizerBase


class Reward:
    """The verified reward, which also keeps the record of what each step consumed.

    TRL calls it once per rollout batch, in each process with that process's responses and their
    problems' columns; the record is of all processes, and equal in each.

    Attributes:
        steps: Tokens of each step.
        consumed: Problem ids of each step, in their order.
        timings: Seconds and peak memory of this process.
    """

    __name__ = "verified"

    def __init__(self, verifier: str, tokenizer: "PreTrainedTokenizerBase") -> None:
        self.verifier = verifier
        self.tokenizer = tokenizer
        self.steps: list[Tokens] = []
        self.consumed: list[list[str]] = []
        self.timings = Timings()

    def __call__(
        self,
        prompts: Sequence[str],
        completions: Sequence[str],
        completion_ids: Sequence[Sequence[int]],
        answer: Sequence[str],
        problem_id: Sequence[str],
        **_: Any,
    ) -> list[float]:
        """Rewards of a process's responses, shape (responses,): 1 for a correct answer, else 0."""
        from accelerate.utils import gather_object

        verdicts = judge(completions, answer, self.verifier)
        outcomes = [verdict.outcome for verdict in verdicts]
        if None in outcomes:
            row = outcomes.index(None)
            raise StudyError(
                f"problem {problem_id[row]}: gold answer {answer[row]!r} cannot be used by the "
                f"'{self.verifier}' verifier; the data set's verifier key must suit its answers"
            )
        unique = list(dict.fromkeys(prompts))
        lengths = dict(zip(unique, map(len, self.tokenizer(unique).input_ids), strict=True))
        own = Tokens.of((lengths[p], len(c)) for p, c in zip(prompts, completion_ids, strict=True))
        seen = gather_object([(list(problem_id), own)])
        ids, tokens = zip(*seen, strict=True)
        self.consumed.append(list(dict.fromkeys(itertools.chain(*ids))))
        self.steps.append(sum(tokens[1:], start=tokens[0]))
        return [float(outcome == "correct") for outcome in outcomes]

    def end_step(self) -> None:
        """Note the time and the peak memory of the step that has just ended."""
        self.timings.end_step(len(self.steps))

    def record(self) -> dict[str, Any]:
        """What a resumed run needs to go on with it."""
        steps = [asdict(tokens) for tokens in self.steps]
        return {"steps": steps, "consumed": self.consumed, "timings": self.timings.rows}

    def restore(self, record: Mapping[str, Any]) -> None:
        """Take up the record of an interrupted run."""
        self.steps = [Tokens(**tokens) for tokens in record["steps"]]
        self.consumed = list(record["consumed"])
        self.timings.rows = list(record["timings"])


def check_consumed(
    consumed: list[list[str]], problems: "pandas.DataFrame", prompts_per_step: int, name: str
) -> None:
    """Compare what each step consumed with the order of the data variant.

    Args:
        consumed: Ids of the problems of each step, in the order of their use.
        problems: The training table.
        prompts_per_step: Problems of a step.
        name: The cell's path, for the message.

    Raises:
        StudyError: A step consumed other problems than planned; names the step and the first one.
    """
    size = prompts_per_step
    wanted = problems["problem_id"].tolist()
    for index, ids in enumerate(consumed):
        planned = list(dict.fromkeys(wanted[index * size : (index + 1) * size]))
        if ids != planned:
            raise StudyError(
                f"{name}: step {index + 1} consumed other problems than the data manifest plans "
                f"(first: {ids[0]}, planned {planned[0]}); its sampler is not to be trusted"
            )
