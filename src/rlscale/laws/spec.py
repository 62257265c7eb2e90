"""What a fit is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.scalars import check_count, check_kind, check_number
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

    def __post_init__(self) -> None:
        """Refuse what is no number of replicates, no seed or no block.

        Raises:
            StudyError: Names the key.
        """
        for key, least in (("replicates", 2), ("seed", 0), ("block", 1)):
            check_count(getattr(self, key), f"fit.bootstrap.{key}", least)


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
        """Refuse names that are not there, and values of another kind.

        Raises:
            StudyError: The size or the weighting is unknown, the level is not between 0 and 1, or
                a value is not of its kind.
        """
        check_number(self.level, "fit.level", 0, 1)
        check_kind(self.benchmark, str, "fit.benchmark", "a name")
        check_kind(self.robust, bool, "fit.robust", "true or false")
        for key, value, known in (
            ("size", self.size, SIZES), ("weighting", self.weighting, WEIGHTINGS),
        ):  # fmt: skip
            if value not in known:
                raise StudyError(f"fit.{key}: '{value}' is none of {', '.join(known)}")

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "Settings":
        """Settings from a configuration's section; defaults where it is silent.

        Raises:
            StudyError: A key is unknown, or a value is not of its kind.
        """
        known = [own.name for own in fields(cls)]
        unknown = sorted(set(section) - set(known))
        if unknown:
            raise StudyError(f"fit: unknown key(s) {', '.join(unknown)}; known: {', '.join(known)}")
        select, drawn = section.get("select", {}), section.get("bootstrap", {})
        check_kind(select, Mapping, "fit.select", "a mapping of columns to values")
        check_kind(drawn, Mapping, "fit.bootstrap", "a mapping, such as {'replicates': 1000},")
        whole = Bootstrap().to_json()
        if odd := sorted(set(drawn) - set(whole)):
            raise StudyError(
                f"fit.bootstrap: unknown key(s) {', '.join(odd)}; known: {', '.join(whole)}"
            )
        differences = section.get("allow_differences", ())
        check_kind(differences, (list, tuple), "fit.allow_differences", "a list of keys")
        return cls.from_json(cls().to_json() | {**section} | {"bootstrap": whole | {**drawn}})


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
        for key, value in (("law", self.law), ("x", self.x), ("metric", self.metric)):
            check_kind(value, str, key, "a name")
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
