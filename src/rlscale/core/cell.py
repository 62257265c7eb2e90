"""A cell: one training run of a study, and the path that names it."""

import re
from dataclasses import dataclass

from rlscale.core.errors import StudyError

_PATH = re.compile(
    r"(?P<recipe>[^/]+)/(?P<model>[^/]+)-(?P<variant>base|instruct)/"
    r"tau(?P<tau>\d+)-g(?P<group_size>\d+)/seed(?P<seed>\d+)"
)


@dataclass(frozen=True, order=True)
class Cell:
    """One training run of a study.

    Attributes:
        recipe: Name of the set of data and training settings.
        model: Name of the model, without its variant.
        variant: ``base`` or ``instruct``.
        tau: Times each unique problem is used.
        group_size: Responses per problem, G.
        seed: Seed of the run.
    """

    recipe: str
    model: str
    variant: str
    tau: int
    group_size: int
    seed: int

    @property
    def path(self) -> str:
        """``<recipe>/<model>-<variant>/tau<t>-g<G>/seed<s>``."""
        return (
            f"{self.recipe}/{self.model}-{self.variant}/"
            f"tau{self.tau}-g{self.group_size}/seed{self.seed}"
        )

    @classmethod
    def from_path(cls, path: str) -> "Cell":
        """Parse a cell's path.

        Raises:
            StudyError: The text does not have a cell's form.
        """
        match = _PATH.fullmatch(path)
        if match is None:
            raise StudyError(
                f"'{path}' is not a cell; the form is "
                "<recipe>/<model>-<variant>/tau<t>-g<G>/seed<s>"
            )
        parts = match.groupdict()
        return cls(
            recipe=parts["recipe"],
            model=parts["model"],
            variant=parts["variant"],
            tau=int(parts["tau"]),
            group_size=int(parts["group_size"]),
            seed=int(parts["seed"]),
        )
