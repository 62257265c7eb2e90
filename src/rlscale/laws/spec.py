"""What a fit is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.laws.groups import SIZES, X_COLUMNS
from rlscale.laws.law import Law
from rlscale.laws.points import WEIGHTINGS
from rlscale.laws.records import Record
from rlscale.laws.registry import DEFAULT, law_named


@dataclass(frozen=True)
class Bootstrap(Record):
    """Resampling of runs and problems, or of residual blocks.

    Attributes:
        replicates: Replicates.
        seed: Seed.
        block: Steps per residual block, where only mean curves exist.
    """

    replicates: int = 1000
    seed: int = 20261123
    block: int = 10


@dataclass(frozen=True)
class Settings(Record):
    """The ``fit`` section of a configuration, as far as it decides numbers.

    Attributes:
        select: Column of the curves -> value or values of the rows to fit.
        allow_differences: Settings in which cells of one fit may differ.
        benchmark: The held-out benchmark.
        size: Column of the swept size N.
        weighting: One of ``WEIGHTINGS``.
        robust: Huber loss in the place of squares.
        level: Coverage of all intervals.
        bootstrap: Resampling.
    """

    select: Mapping[str, Any] = field(default_factory=dict)
    allow_differences: tuple[str, ...] = ()
    benchmark: str = "held_out"
    size: str = "n_params"
    weighting: str = "variance"
    robust: bool = False
    level: float = 0.9
    bootstrap: Bootstrap = Bootstrap()

    def __post_init__(self) -> None:
        """Refuse names that are not there.

        Raises:
            StudyError: The size or the weighting is unknown.
        """
        for key, value, known in (
            ("size", self.size, SIZES), ("weighting", self.weighting, WEIGHTINGS),
        ):  # fmt: skip
            if value not in known:
                raise StudyError(f"fit.{key}: '{value}' is none of {', '.join(known)}")

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "Settings":
        """Settings from a configuration's section; defaults where it is silent.

        Raises:
            StudyError: A key is unknown.
        """
        known = [own.name for own in fields(cls)]
        unknown = sorted(set(section) - set(known))
        if unknown:
            raise StudyError(f"fit: unknown key(s) {', '.join(unknown)}; known: {', '.join(known)}")
        return cls.from_json(cls().to_json() | {**section} | {
            "bootstrap": Bootstrap().to_json() | dict(section.get("bootstrap", {}))
        })  # fmt: skip


@dataclass(frozen=True)
class FitSpec:
    """One fit: a law, an abscissa, a metric, and how.

    Attributes:
        law: Name of the law.
        x: Key of ``rlscale.laws.groups.X_COLUMNS``.
        metric: ``loss``, ``response_length``, ``pass_at_<k>`` for 1 - pass@k, or a benchmark's
            name for the loss on it.
        settings: How.
    """

    law: str = DEFAULT
    x: str = "data"
    metric: str = "loss"
    settings: Settings = Settings()

    def __post_init__(self) -> None:
        """Refuse names that are not there.

        Raises:
            StudyError: The law or x is unknown, or the law is not whole.
        """
        law_named(self.law)
        if self.x not in X_COLUMNS:
            raise StudyError(f"x '{self.x}' is none of {', '.join(X_COLUMNS)}")

    @property
    def rule(self) -> Law:
        """The law itself."""
        return law_named(self.law)

    @property
    def weighting(self) -> str:
        """The law's own weighting, or else the study's."""
        return self.rule.weighting or self.settings.weighting
