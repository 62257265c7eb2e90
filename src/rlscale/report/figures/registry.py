"""The figures: name, what draws it, what it reads, which claim it bears on. Light to import."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Spec:
    """One figure.

    Attributes:
        name: Stem of its files, ``fig_...`` or ``table_...``.
        draw: ``module.function`` below ``rlscale.report.figures``.
        claim: Key of ``CLAIMS``.
        title: One line for lists.
        paper: What it corresponds to in the paper; empty where it is ours.
        fits: Fits it reads, ``<law>-<x>-<metric>``, where compute is 6NT.
        tables: Further tables it reads: patterns of the names in workflow/rules/figures.smk.
    """

    name: str
    draw: str
    claim: str
    title: str
    paper: str = ""
    fits: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()

    def fits_on(self, compute: str) -> tuple[str, ...]:
        """Fits it reads where another count stands for compute (``figures.compute``)."""
        return tuple(name.replace("-compute-", f"-{compute}-") for name in self.fits)

    @property
    def module(self) -> str:
        """Full name of the module that draws it."""
        return "rlscale.report.figures." + self.draw.rpartition(".")[0]


FORECAST_LAWS = ("saturating", "power", "last_value")  # Drawn as lines, the first with its band.


def _lines(protocol: str) -> tuple[str, ...]:
    return tuple(f"{protocol}_{law}" for law in FORECAST_LAWS)


_SLOPES = tuple(f"{law}-{x}-loss" for law in ("free_slopes", "saturating") for x in _X)

_ALL = (
    Spec(
        "fig_loss_vs_compute",
        "curves.loss_vs_compute",
        "C1",
        "Test loss against training compute",
        "Figures 1 and 2",
        fits=("saturating-compute-loss",),
    ),
    Spec(
        "fig_final_loss_vs_size",
        "benchmarks.final_loss_vs_size",
        "C1",
        "Final loss against model size",
        "Figure 6a",
    ),
    Spec(
        "table_final_loss",
        "tables.final_loss",
        "C1",
        "Loss before and after training, spread between runs",
        "Table 5",
    ),
    Spec(
        "fig_loss_vs_data",
        "curves.loss_vs_data",
        "C2",
        "Test loss against problems seen",
        "Figures 1 and 4",
        fits=("saturating-data-loss",),
    ),
    Spec(
        "fig_loss_decomposition",
        "curves.loss_decomposition",
        "C2",
        "The second law: a loss that size bounds and training works off",
        "Figure 13, Table 7",
        fits=("decomposition-data-loss",),
    ),
    Spec(
        "fig_forecast_inter",
        "forecasts.forecast_inter",
        "C3",
        "The largest size, forecast from the smaller ones",
        "Figures 1, 2 and 4",
        tables=(*_lines("inter"), "scores_inter"),
    ),
    Spec(
        "fig_forecast_intra",
        "forecasts.forecast_intra",
        "C3",
        "The rest of every run, forecast from its first part",
        "Figures 2 and 4",
        tables=(*_lines("intra"), "scores_intra"),
    ),
    Spec(
        "fig_law_ranking",
        "forecasts.law_ranking",
        "C3",
        "Forecast error of every law",
        tables=("scores_*",),
    ),
    Spec(
        "fig_coverage",
        "forecasts.coverage",
        "C3",
        "How often forecast intervals held the truth",
        tables=("scores_*",),
    ),
    Spec(
        "fig_k_of_N",
        "efficiency.k_of_n",
        "C4",
        "Learning efficiency against model size",
        "Figures 3 and 5",
        fits=_SLOPES,
        tables=("published",),
    ),
    Spec(
        "table_parameters",
        "tables.parameters",
        "C4",
        "K_max and N0, by our fit and by the paper's protocol",
        "Table 6",
        fits=tuple(f"{law}-{x}-loss" for law in ("saturating", "paper") for x in _X),
        tables=("published",),
    ),
    Spec(
        "table_uncertainty",
        "tables.uncertainty",
        "C4",
        "The slope of every size with its intervals",
        fits=tuple(f"free_slopes-{x}-loss" for x in _X),
    ),
    Spec("fig_data_reuse", "sweeps.data_reuse", "C5", "Loss when data are reused", "Figure 7"),
    Spec("fig_reuse_cost", "sweeps.reuse_cost", "C5", "What reuse costs, at equal steps"),
    Spec("fig_group_size", "sweeps.group_size", "C6", "Loss for several group sizes", "Figure 12"),
    Spec(
        "fig_domain_transfer",
        "benchmarks.domain_transfer",
        "C7",
        "Loss before and after training on every benchmark",
        "Figure 8 and the cross-domain grids",
    ),
    Spec(
        "fig_benchmarks_vs_data",
        "benchmarks.benchmarks_vs_data",
        "C7",
        "Every benchmark against problems seen",
        "Figures 10 and 11",
    ),
    Spec(
        "fig_response_length",
        "benchmarks.response_length",
        "C8",
        "Response length over training",
        "Figures 6b and 14",
    ),
    Spec(
        "fig_data_waterfall",
        "data.data_waterfall",
        "Study",
        "Rows read, lost and used, per data set",
        tables=("data_*",),
    ),
    Spec(
        "fig_pass_rates",
        "data.pass_rates",
        "Study",
        "Pass rates before and after the data stage",
        tables=("data_*",),
    ),
    Spec("fig_outcomes", "study.outcomes", "Study", "Correct, wrong, unparsed, timed out"),
    Spec(
        "fig_ledger",
        "study.ledger",
        "Study",
        "Where FLOPs and hours went",
        tables=("ledger", "timings"),
    ),
    Spec("table_models", "tables.models", "Study", "The model suite", "Table 1"),
)
FIGURES = {spec.name: spec for spec in _ALL}
