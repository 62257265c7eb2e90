"""The result of a fit, and the document that holds those of a study (fit.schema.yaml)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.scalars import check_number
from rlscale.laws.law import Fit
from rlscale.laws.prediction import Known, Prediction, predict
from rlscale.laws.quantities import Interval, Quantity
from rlscale.laws.records import Record
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.unseen import Slopes

__all__ = ["FitResult", "Interval", "Quantity", "StudyFit"]


@dataclass(frozen=True)
class SizeResult(Record):
    """One size: free line, the law's own parameters, how well it fits."""

    model: str
    n: float
    k: Quantity
    intercept: Quantity
    k_law: float | None
    parameters: Mapping[str, Quantity]
    n_points: int
    n_runs: int
    rmse: float


@dataclass(frozen=True)
class CurvePoint(Record):
    """k(N) of the law at one N."""

    n: float
    k: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class FittedPoint(Record):
    """The fitted curve of a size at one x."""

    model: str
    x: float
    fitted: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PointResult(Record):
    """One point that was fitted."""

    model: str
    step: int
    x: float
    observed: float
    fitted: float
    residual: float
    n_runs: int


@dataclass(frozen=True)
class Contrast(Record):
    """k of the largest size minus k of the smallest."""

    larger: str
    smaller: str
    difference: Quantity
    verdict: str


@dataclass(frozen=True)
class ProfilePoint(Record):
    """The profile likelihood of N0 at one value."""

    n0: float
    k_max: float
    deviance: float


@dataclass(frozen=True)
class IdentificationResult(Record):
    """Whether the law is told apart from its rival, and whether it fits."""

    verdict: str
    delta_aic: float
    misfit: float
    misfit_freedom: int
    p_misfit: float
    p_law: float
    scatter: float
    p_straight: float | None
    curvature: Quantity
    correlation: float | None
    profile_low: float | None
    profile_high: float | None
    profile: tuple[ProfilePoint, ...]


@dataclass(frozen=True)
class Verdicts(Record):
    """What is found, each by itself.

    Attributes:
        rises: Whether the largest size learns faster than the smallest: yes, no, undecided.
        saturates: Whether the law is told from its rival: identified, not_identified, power (the
            rival fits better); not_asked of laws that have none.
        bends: Whether the curves bend in log-log: yes, no.
        forecasts: Whether the law, fitted to the first 1/4, 1/2 and 2/3, errs less about the rest
            than the mean of the last ten points seen: yes (all three), no (none), undecided.

    Where nothing is known of other runs, or points are too few: no_replicates, too_few_points.
    """

    rises: str
    saturates: str
    bends: str
    forecasts: str


@dataclass(frozen=True)
class FitResult(Record):
    """One law fitted to the curves of one (family, variant).

    Attributes:
        family, variant: Names of the group.
        scope: The widest intervals there are: redrawn, fixed, block or none.
        status: ok, at_bound, not_identified, not_converged; or, without numbers, too_few_points,
            too_few_sizes, zero_loss.
        reason: One sentence; empty when the status is ok.
        parameters: Parameters that the sizes share.
        sizes: One entry per size, ascending in N.
        curve: k(N) of the law over a grid; empty for laws without k(N).
        fitted: Fitted curves on a grid of x.
        points: The points fitted.
        contrast: Largest against smallest size; None with one size.
        identification: Whether the law is told apart from its rival; None where it has none.
        beyond: k at sizes larger than any fitted, from the law and its rival with scatter; empty
            for laws that have no rival, or without replicates.
        verdicts: The findings, each by itself; None where nothing was fitted.
        verdict: The finding in words.
        objective, n_points, n_parameters, aic: Of the least-squares fit.
        spec: What was asked for (in memory only).
        estimate: The fit itself (in memory only).
        replicated: The estimate and its replicates in ``scope`` (in memory only).
        slopes: What is known of the sizes' slopes in ``scope`` (in memory only).
    """

    family: str
    variant: str
    scope: str
    status: str
    reason: str
    parameters: Mapping[str, Quantity]
    sizes: tuple[SizeResult, ...]
    curve: tuple[CurvePoint, ...]
    fitted: tuple[FittedPoint, ...]
    points: tuple[PointResult, ...]
    contrast: Contrast | None
    identification: IdentificationResult | None
    beyond: tuple[CurvePoint, ...]
    verdicts: Verdicts | None
    verdict: str
    objective: float | None
    n_points: int
    n_parameters: int
    aic: float | None
    spec: FitSpec = field(default=FitSpec(), repr=False, metadata={"live": True})
    estimate: Fit | None = field(default=None, repr=False, compare=False, metadata={"live": True})
    replicated: Fit | None = field(default=None, repr=False, compare=False, metadata={"live": True})
    slopes: Slopes | None = field(default=None, repr=False, compare=False, metadata={"live": True})

    def predict(self, n: float, x: float, level: float = 0.9) -> Prediction:
        """The metric that the law gives to size n at x.

        Args:
            n: Size; a fitted one is predicted by its own curve (of straight laws its free line;
                where curves bend, the line through neighbouring points, and beyond the last of them
                the median of both and of no change, in the interval of all three), another one by
                the law.
            x: Abscissa, in the units of the fit's x.
            level: Coverage of the interval of a mean over as many runs as the sizes had: uncertain
                parameters and, for a size that was not fitted, other laws of k(N) with scatter, and
                levels on a line at any x, as in a study's own forecasts (docs/law.md).

        Raises:
            StudyError: n or x is no finite number above 0, the level none between 0 and 1;
                nothing was fitted, or the result was read from a file, which holds no replicates.
        """
        check_number(n, "predict: n", 0)
        check_number(x, "predict: x", 0)
        check_number(level, "predict: level", 0, 1)
        if self.estimate is None:
            why = self.reason or "it was read from a file, which holds no replicates: fit again"
            raise StudyError(f"{self.family} {self.variant}: no prediction ({why})")
        bent = self.verdicts is not None and self.verdicts.bends == "yes"
        return predict(Known(self.estimate, self.replicated, self.slopes, bent), n, x, level)


@dataclass(frozen=True)
class Uncertainty(Record):
    """Where intervals come from."""

    method: str
    label: str
    replicates: int
    seed: int
    degrees_of_freedom: float | None


@dataclass(frozen=True)
class Cells(Record):
    """Cells of the study: fitted, without rows, left out as diverged or refused."""

    used: tuple[str, ...]
    missing: tuple[str, ...]
    diverged: tuple[str, ...]


@dataclass(frozen=True)
class StudyFit(Record):
    """One law fitted to every group of a study: the document in results/fits."""

    kind: str
    study: str
    law: str
    equation: str
    x: str
    metric: str
    benchmark: str
    size: str
    scope: str
    uncertainty: Uncertainty
    level: float
    settings: Settings
    selection: Mapping[str, Any]
    protocol_digests: tuple[str, ...]
    problems: str | None
    cells: Cells
    groups: tuple[FitResult, ...]
