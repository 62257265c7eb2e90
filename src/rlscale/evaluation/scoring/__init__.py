"""Rules of scoring: how a benchmark is asked and judged, by the names under which scores are told.

A scoring is a table from a benchmark's module to its ``Rule``, in a module of its own; another
package adds one by an entry point of the group ``rlscale.scorings``. Its verifiers extract and
compare (``rlscale.judging.verifiers``). Scores by different rules are different quantities: the
name and a digest stand in curves.csv, and no fit mixes them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry

if TYPE_CHECKING:
    from rlscale.models.prompts import Form

ANY = "*"  # in a scoring: every benchmark that it does not name


@dataclass(frozen=True)
class Rule:
    """How one benchmark is asked and judged.

    Attributes:
        verifier: Name of the verifier; None: the benchmark's own.
        prompt: Text with ``{problem}``; None: the benchmark's own.
        base: Form of the prompt for base models.
        instruct: Form of the prompt for instruct models.
        stop: Texts that end a response; what begins with one is no part of it.
        shots: Solved examples before the problem, from the file that the benchmark's key
            ``examples`` names.
    """

    verifier: str | None = None
    prompt: str | None = None
    base: "Form" = "bare"
    instruct: "Form" = "chat"
    stop: tuple[str, ...] = ()
    shots: int = 0

    def form(self, variant: str) -> "Form":
        """The prompt's form for a variant."""
        return self.base if variant == "base" else self.instruct

    def cut(self, response: str) -> str:
        """A response up to the first text that ends it."""
        ends = [place for text in self.stop if (place := response.find(text)) >= 0]
        return response[: min(ends)] if ends else response

    def digest(self, scorer: str) -> str:
        """Digest of the rule.

        Args:
            scorer: Digest of the verifier, its code included.
        """
        return digest([asdict(self), scorer])


Scoring = Mapping[str, Rule]

SCORINGS: Registry[Scoring] = Registry(
    "scoring",
    "rlscale.scorings",
    {
        "ours": "rlscale.evaluation.scoring.ours:OURS",
        "paper": "rlscale.evaluation.scoring.paper:PAPER",
        "lm_eval": "rlscale.evaluation.scoring.lm_eval:LM_EVAL",
    },
)


def rule_of(scoring: str, benchmark: str, where: str = "") -> Rule:
    """The rule of a benchmark in a scoring.

    Args:
        scoring: Name of the scoring.
        benchmark: Name of the benchmark's module.
        where: Key that asks for it; it begins a refusal.

    Raises:
        StudyError: Unknown scoring, or one that has no rule for this benchmark.
    """
    rules = SCORINGS.get(scoring)
    rule = rules.get(benchmark, rules.get(ANY))
    if rule is None:
        raise StudyError(
            f"{where}{': ' if where else ''}scoring '{scoring}' has no rule for the benchmark "
            f"'{benchmark}', only for {', '.join(sorted(rules))}; give it scoring: ours"
        )
    return rule
