"""What a law is: everything that the rest of the package asks of one, in one class.

Glossary. N size (parameters; or tau or the group size where that is swept), x the abscissa (data D,
compute C, steps or tokens), L loss, y = log L, u = log x, k = -dy/du learning efficiency, E
intercept. Every law works for any positive metric in the place of L.

Everything is vectorised over fits: bootstrap replicates or starts on a leading axis B.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.arrays import Array, Bools
from rlscale.laws.points import Lines, Points

if TYPE_CHECKING:
    from rlscale.laws.straight import SlopeLaw


@dataclass(frozen=True)
class Parameter:
    """A parameter as users read it.

    Attributes:
        name: Its name in documents.
        symbol: How figures write it.
        unit: ``size`` (that of N), ``x``, or empty for a plain number.
    """

    name: str
    symbol: str
    unit: str = ""


@dataclass(frozen=True)
class Solution:
    """What a law's search returns for B fits.

    Attributes:
        theta: Internal parameters, of whatever shape after B the law chooses.
        intercept: log of the metric at ``points.centre`` by the law (B, M).
        converged: Whether the search ended (B).
        objective: Least value of the law's own objective (B); None where that is the weighted sum
            of squares in log of the metric.
    """

    theta: Array
    intercept: Array
    converged: Bools
    objective: Array | None = None


@dataclass(frozen=True)
class Fit:
    """B fits of one law; index 0 is the estimate where replicates follow.

    Attributes:
        law: The law.
        points: What was fitted.
        theta: Internal parameters, as the law keeps them.
        intercept: log of the metric at ``points.centre`` (B, M) by the law.
        slope: k of every size by a free line, whatever the law (B, M).
        free_intercept: log of the metric at ``points.centre`` by that line (B, M).
        objective: Least value of the objective (B).
        converged: Whether the search ended (B).
    """

    law: "Law"
    points: Points
    theta: Array
    intercept: Array
    slope: Array
    free_intercept: Array
    objective: Array
    converged: Bools

    def predict(self, u: Array) -> Array:
        """log of the metric (B, M, G) at u (M, G) for the fitted sizes."""
        return self.law.predict(self, u)

    def predict_new(self, n: float, u: Array) -> Array:
        """log of the metric (B, G) at u (G) for a size that was not fitted.

        What a law says nothing about is carried on along a straight line in log N, fitted with
        equal weight to the sizes.
        """
        return self.law.predict_new(self, n, u)

    def k(self, n: Array) -> Array:
        """Learning efficiency that a straight law gives to sizes n (B, len(n))."""
        return self.law.k(self, n)

    def k_fitted(self) -> Array | None:
        """k of the fitted sizes by the law (B, M); None for laws that are not straight."""
        return self.law.k_fitted(self)

    def shared_parameters(self) -> dict[str, Array]:
        """Parameters that the sizes share, as users read them: name -> (B)."""
        return self.law.shared_parameters(self)

    def size_parameters(self) -> dict[str, Array]:
        """Parameters of single sizes, as users read them: name -> (B, M)."""
        return self.law.size_parameters(self)

    def residuals(self) -> Array:
        """log of the metric minus its fit (B, M, T); 0 where nothing was measured."""
        return np.where(self.points.present, self.points.y - self.predict(self.points.u), 0.0)

    def n_parameters(self) -> int:
        """Parameters fitted, intercepts included."""
        return self.law.n_parameters(self)


class Law(ABC):
    """One scaling law. A subclass per law; it holds no data of any fit.

    Attributes:
        name: Its name in configurations and file names, as in the registry.
        equation: The law written out.
        words: What it is called in a sentence: ``a pure power law in N``.
        label: What tables of parameters call its rows.
        parameters: Parameters that the sizes share; empty where there are none.
        least_sizes: Sizes that a fit needs.
        least_points: Distinct x per size that a fit needs.
        weighting: The weighting that the law's own protocol asks for; None for the study's.
        conformal: Whether its forecasts of the rest of a run have intervals from its own past
            errors, instead of replicates.
        straight: Whether its curves are straight lines in log-log, with a slope k per size.
        curved: Whether residual blocks are laid around its own curve instead of a free line.
    """

    name: ClassVar[str]
    equation: ClassVar[str]
    words: ClassVar[str]
    label: ClassVar[str] = "ours"
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    least_sizes: ClassVar[int] = 1
    least_points: ClassVar[int] = 2
    weighting: ClassVar[str | None] = None
    conformal: ClassVar[bool] = False
    straight: ClassVar[bool] = False
    curved: ClassVar[bool] = False

    @abstractmethod
    def solve(self, points: Points, w: Array, lines: Lines, start: Fit | None) -> Solution:
        """Least squares for every one of the B sets of points.

        Args:
            points: Points.
            w: Their weights (1 or B, M, T).
            lines: Free line of every size.
            start: Fit of the same law to begin the search at, its first entry for all replicates;
                None for the law's own starts.
        """

    @abstractmethod
    def predict(self, fit: Fit, u: Array) -> Array:
        """log of the metric (B, M, G) at u (M, G) for the fitted sizes."""

    @abstractmethod
    def predict_new(self, fit: Fit, n: float, u: Array) -> Array:
        """log of the metric (B, G) at u (G) for a size that was not fitted."""

    @abstractmethod
    def n_parameters(self, fit: Fit) -> int:
        """Parameters fitted, intercepts included."""

    def shared_parameters(self, fit: Fit) -> dict[str, Array]:
        """Parameters that the sizes share, as users read them: name -> (B)."""
        return {}

    def size_parameters(self, fit: Fit) -> dict[str, Array]:
        """Parameters of single sizes, as users read them: name -> (B, M)."""
        return {}

    def k(self, fit: Fit, n: Array) -> Array:
        """Learning efficiency at sizes n (B, len(n)); asked of straight laws only."""
        raise StudyError(f"the law {self.name} is not straight: it has no k")

    def k_fitted(self, fit: Fit) -> Array | None:
        """k of the fitted sizes (B, M); None for laws that are not straight."""
        return self.k(fit, fit.points.n) if self.straight else None

    def unbounded(self, fit: Fit) -> Mapping[str, tuple[Bools, Bools]]:
        """Shared parameters of which some fits lie where the search ended, not the data.

        Of each, which fits (B) say no more of it than that it is lower, and than that it is higher.
        """
        return {}

    def at_end(self, fit: Fit) -> list[str]:
        """Shared parameters whose estimate lies at an end of the searched range."""
        return []

    def tuned_intercept(self, shape: Array, y: Array, w: Array) -> Array:
        """Intercepts (B) that fit curves of given shape (B, T) to one size's own y and w (T)."""
        return np.asarray((w * (y - shape)).sum(1) / w.sum())

    def scatter(self, fit: Fit) -> Array:
        """How far each fitted size lies from what the law would carry on to it (M)."""
        from rlscale.laws.straight import carry_on

        intercept = fit.free_intercept[:1]
        return np.asarray((intercept - carry_on(fit.points.n, intercept, fit.points.n))[0])

    def mixed(self) -> "Sequence[SlopeLaw]":
        """Laws of k(N) that k at an unseen size is drawn from; empty where the law has no k(N)."""
        return ()

    def contest(self) -> "tuple[SlopeLaw, SlopeLaw] | None":
        """Which two shapes of k(N) identification sets against each other; None for no verdict.

        The first is this law's, the second its rival.
        """
        return None


def names_of(parameters: Sequence[Parameter]) -> list[str]:
    """Names of parameters."""
    return [parameter.name for parameter in parameters]
