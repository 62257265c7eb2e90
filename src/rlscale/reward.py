"""The verified reward, and the record that it keeps: problems consumed, tokens, FLOPs, seconds."""

import itertools
import resource
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlscale.errors import StudyError
from rlscale.ledger import Cost
from rlscale.verify import judge

if TYPE_CHECKING:
    import pandas
    from transformers import PreTrainedTokenizerBase


class Reward:
    """The verified reward, which also keeps the record of what each step consumed and cost.

    TRL calls it once per rollout batch, in each process with that process's responses and their
    problems' columns; the record is of all processes, and equal in each.
    """

    __name__ = "verified"

    def __init__(self, verifier: str, tokenizer: "PreTrainedTokenizerBase", cost: Cost) -> None:
        self.verifier = verifier
        self.tokenizer = tokenizer
        self.cost = cost
        self.steps: list[dict[str, Any]] = []
        self.consumed: list[list[str]] = []
        self._clock = time.monotonic()

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

        outcomes = judge(self.verifier, completions, answer)
        if None in outcomes:
            row = outcomes.index(None)
            raise StudyError(
                f"problem {problem_id[row]}: gold answer {answer[row]!r} cannot be used by the "
                f"'{self.verifier}' verifier; the data set's verifier key must suit its answers"
            )
        unique = list(dict.fromkeys(prompts))
        lengths = dict(zip(unique, map(len, self.tokenizer(unique).input_ids), strict=True))
        prompt_tokens = sum(lengths[prompt] for prompt in prompts)
        completion_tokens = sum(map(len, completion_ids))
        seen = gather_object([(list(problem_id), prompt_tokens, completion_tokens)])
        ids, of_prompts, of_completions = zip(*seen, strict=True)
        prompt_tokens, completion_tokens = sum(of_prompts), sum(of_completions)
        self.consumed.append(list(dict.fromkeys(itertools.chain(*ids))))
        self.steps.append(
            {
                "step": len(self.steps) + 1,
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                **self.cost.step(prompt_tokens, completion_tokens),
            }
        )
        return [float(outcome == "correct") for outcome in outcomes]

    def end_step(self) -> None:
        """Note the time and the peak memory of the step that has just ended."""
        now = time.monotonic()
        self.steps[-1]["seconds"] = round(now - self._clock, 3)
        self.steps[-1]["peak_memory_bytes"] = _peak_memory()
        self._clock = now

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on with the record."""
        return {"steps": self.steps, "consumed": self.consumed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the record of an interrupted run."""
        self.steps, self.consumed = list(state["steps"]), list(state["consumed"])


def _peak_memory() -> int:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def check_consumed(
    consumed: list[list[str]],
    problems: "pandas.DataFrame",
    recipe: Mapping[str, Any],
    name: str,
) -> None:
    """Compare what each step consumed with the order of the data variant.

    Raises:
        StudyError: A step consumed other problems than planned; names the step and the first one.
    """
    size = recipe["prompts_per_step"]
    wanted = problems["problem_id"].tolist()
    for index, ids in enumerate(consumed):
        planned = list(dict.fromkeys(wanted[index * size : (index + 1) * size]))
        if ids != planned:
            raise StudyError(
                f"{name}: step {index + 1} consumed other problems than the data manifest plans "
                f"(first: {ids[0]}, planned {planned[0]}); its sampler is not to be trusted"
            )
