"""The figures: name, what draws it, what it reads, which claim it bears on. Light to import.

Other packages add figures (docs/figures.md); their module with the ``Figure`` must be light too.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry

if TYPE_CHECKING:
    from rlscale.report.figures.inputs import Inputs
    from rlscale.report.figures.output import Drawing

CLAIMS = {
    "C1": "Larger models learn more per FLOP and per problem",
    "C2": "The log-linear law holds for base and instruct",
    "C3": "The law predicts unseen sizes and the rest of a run",
    "C4": "Learning efficiency k(N) saturates",
    "C5": "Reusing data costs little up to a point",
    "C6": "Larger groups learn more per problem; the best group per FLOP grows with budget",
    "C7": "Gains carry over within mathematics, hardly beyond",
    "C8": "Responses grow longer with training, except in the smallest models",
    "Study": "What this study used and what became of it",
}
_X = ("compute", "data")
_HERE = "rlscale.report.figures"


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: Stem of its files, ``fig_...`` or ``table_...``.
        draw: ``module:function`` that takes ``Inputs`` and gives a ``Drawing``.
        claim: Key of ``CLAIMS``.
        title: One line for lists.
        paper: What it corresponds to in the paper; empty where it is ours.
        fits: Fits it reads, ``<law>-<x>-<metric>``, where compute is 6NT.
        tables: Further tables it reads: patterns of the names in workflow/rules/figures.smk.
        criterion: What decides whether this study supports the claim; empty for figures that do
            not judge it.
        shows: File with the fixed part of its caption, as reStructuredText that takes in the
            computed part; None for workflow/report/<name>.rst.
    """

    name: str
    draw: str
    claim: str
    title: str
    paper: str = ""
    fits: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    shows: Path | None = None
    criterion: str = ""

    def fits_on(self, compute: str) -> tuple[str, ...]:
        """Fits it reads where another count stands for compute (``figures.compute``)."""
        return tuple(name.replace("-compute-", f"-{compute}-") for name in self.fits)

    @property
    def module(self) -> str:
        """Full name of the module that draws it."""
        return self.draw.partition(":")[0]

    def function(self) -> "Callable[[Inputs], Drawing]":
        """What draws it, imported now."""
        return getattr(importlib.import_module(self.module), self.draw.partition(":")[2])

    def shown(self, folder: Path) -> Path:
        """File with the fixed part of its caption; ``folder`` holds those of this package."""
        return self.shows or folder / f"{self.name}.rst"


FORECAST_LAWS = ("saturating", "power", "last_value")  # Drawn as lines, the first with its band.


def _lines(protocol: str) -> tuple[str, ...]:
    return tuple(f"{protocol}_{law}" for law in FORECAST_LAWS)


_BEATS = (
    "yes if a third below the naive errors (the mean, the last value), no if not below them; "
    "weak rivals"
)
_SLOPES = tuple(f"{law}-{x}-loss" for law in ("free_slopes", "saturating") for x in _X)

_OWN = (
    Figure(
        "fig_loss_vs_compute",
        f"{_HERE}.curves:loss_vs_compute",
        "C1",
        "Test loss against training compute",
        "Figures 1 and 2",
        fits=("saturating-compute-loss",),
        criterion="yes if its interval lies above 0, no if below",
    ),
    Figure(
        "fig_final_loss_vs_size",
        f"{_HERE}.benchmarks:final_loss_vs_size",
        "C1",
        "Final loss against model size",
        "Figure 6a",
        criterion="yes if the largest size's interval lies below the smallest's, no if above",
    ),
    Figure(
        "table_final_loss",
        f"{_HERE}.tables:final_loss",
        "C1",
        "Loss before and after training, spread between runs",
        "Table 5",
    ),
    Figure(
        "fig_loss_vs_data",
        f"{_HERE}.curves:loss_vs_data",
        "C2",
        "Test loss against problems seen",
        "Figures 1 and 4",
        fits=("saturating-data-loss",),
        criterion="no if a mean curvature as large as this comes by chance in under 5 %; bends of "
        "opposite signs cancel and are not seen",
    ),
    Figure(
        "fig_loss_decomposition",
        f"{_HERE}.curves:loss_decomposition",
        "C2",
        "The second law: a loss that size bounds and training works off",
        "Figure 13, Table 7",
        fits=("decomposition-data-loss",),
    ),
    Figure(
        "fig_forecast_inter",
        f"{_HERE}.forecasts:forecast_inter",
        "C3",
        "The largest size, forecast from the smaller ones",
        "Figures 1, 2 and 4",
        tables=(*_lines("inter"), "scores_inter"),
        criterion=_BEATS,
    ),
    Figure(
        "fig_forecast_intra",
        f"{_HERE}.forecasts:forecast_intra",
        "C3",
        "The rest of every run, forecast from its first part",
        "Figures 2 and 4",
        tables=(*_lines("intra"), "scores_intra"),
        criterion=_BEATS,
    ),
    Figure(
        "fig_law_ranking",
        f"{_HERE}.forecasts:law_ranking",
        "C3",
        "Forecast error of every law",
        tables=("scores_*",),
    ),
    Figure(
        "fig_coverage",
        f"{_HERE}.forecasts:coverage",
        "C3",
        "How often forecast intervals held the truth",
        tables=("scores_*",),
    ),
    Figure(
        "fig_k_of_N",
        f"{_HERE}.efficiency:k_of_n",
        "C4",
        "Learning efficiency against model size",
        "Figures 3 and 5",
        fits=_SLOPES,
        tables=("published",),
        criterion="yes if a power law in N fits worse and N0 is bounded, no if it fits better",
    ),
    Figure(
        "table_parameters",
        f"{_HERE}.tables:parameters",
        "C4",
        "K_max and N0, by our fit and by the paper's protocol",
        "Table 6",
        fits=tuple(f"{law}-{x}-loss" for law in ("saturating", "paper") for x in _X),
        tables=("published",),
    ),
    Figure(
        "table_uncertainty",
        f"{_HERE}.tables:uncertainty",
        "C4",
        "The slope of every size with its intervals",
        fits=tuple(f"free_slopes-{x}-loss" for x in _X),
    ),
    Figure(
        "fig_data_reuse",
        f"{_HERE}.sweeps:data_reuse",
        "C5",
        "Loss when data are reused",
        "Figure 7",
    ),
    Figure(
        "fig_reuse_cost",
        f"{_HERE}.sweeps:reuse_cost",
        "C5",
        "What reuse costs, at equal steps",
        criterion="yes if the least reuse is shown to cost no more than the margin and the most to "
        "cost more, consistent if only the first, no if the least costs more",
    ),
    Figure(
        "fig_group_size",
        f"{_HERE}.sweeps:group_size",
        "C6",
        "Loss for several group sizes",
        "Figure 12",
        criterion="consistent if the largest group's late loss lies below the smallest's at equal "
        "problems, no if above; the best group per FLOP is shown, not tested",
    ),
    Figure(
        "fig_domain_transfer",
        f"{_HERE}.transfer:domain_transfer",
        "C7",
        "Loss before and after training on every benchmark",
        "Figure 8 and the cross-domain grids",
        criterion="yes if losses fall within mathematics and by less beyond, no if they rise "
        "within or fall by more beyond (90 % intervals over benchmarks, whose names tell)",
    ),
    Figure(
        "fig_benchmarks_vs_data",
        f"{_HERE}.benchmarks:benchmarks_vs_data",
        "C7",
        "Every benchmark against problems seen",
        "Figures 10 and 11",
    ),
    Figure(
        "fig_response_length",
        f"{_HERE}.benchmarks:response_length",
        "C8",
        "Response length over training",
        "Figures 6b and 14",
        criterion="yes if the last interval lies above the first, no if below",
    ),
    Figure(
        "fig_data_waterfall",
        f"{_HERE}.data:data_waterfall",
        "Study",
        "Rows read, lost and used, per data set",
        tables=("data_*",),
    ),
    Figure(
        "fig_pass_rates",
        f"{_HERE}.data:pass_rates",
        "Study",
        "Pass rates before and after the data stage",
        tables=("data_*",),
    ),
    Figure(
        "fig_outcomes", f"{_HERE}.study:outcomes", "Study", "Correct, wrong, unparsed, timed out"
    ),
    Figure(
        "fig_pass_at_k",
        f"{_HERE}.passes:pass_at_k",
        "Study",
        "Change of pass@k over training, against k",
        tables=("pass_at_k",),
    ),
    Figure(
        "fig_equal_compute",
        f"{_HERE}.equal_compute:equal_compute",
        "Study",
        "Recipes, variants, tau and group sizes at equal compute",
        tables=("equal_compute",),
    ),
    Figure(
        "fig_ledger",
        f"{_HERE}.study:ledger",
        "Study",
        "Where FLOPs and hours went",
        tables=("ledger", "timings"),
    ),
    Figure("table_models", f"{_HERE}.tables:models", "Study", "The model suite", "Table 1"),
)
_REGISTRY: Registry[Figure] = Registry(
    "figure", "rlscale.figures", {figure.name: figure for figure in _OWN}
)


def all_figures() -> dict[str, Figure]:
    """All figures by name: this package's in their order, then those of installed packages.

    Raises:
        StudyError: Another package's figure cannot be loaded, has another name than its entry
            point, a name of another form, or bears on no claim.
    """
    figures = {name: _REGISTRY.get(name) for name in _REGISTRY.names()}
    for name, figure in figures.items():
        if figure.name != name or not name.startswith(("fig_", "table_")):
            raise StudyError(
                f"the figure '{figure.name}' is added as '{name}'; both must be one name that "
                "begins with fig_ or table_"
            )
        if figure.claim not in CLAIMS:
            raise StudyError(
                f"the figure '{name}' bears on '{figure.claim}', which is none of "
                f"{', '.join(CLAIMS)}"
            )
    return figures
