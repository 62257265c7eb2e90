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
        draw: ``module.function`` below ``rlscale.plots``.
        claim: Key of ``CLAIMS``.
        title: One line for lists.
        paper: What it corresponds to in the paper; empty where it is ours.
        fits: Fits it reads, ``<law>-<x>-<metric>``.
        tables: Further tables it reads, by the names of workflow/rules/figures.smk.
    """

    name: str
    draw: str
    claim: str
    title: str
    paper: str = ""
    fits: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """Full name of the module that draws it."""
        return "rlscale.plots." + self.draw.rpartition(".")[0]


_ALL = (
    Spec(
        "fig_loss_vs_compute",
        "curves.loss_vs_compute",
        "C1",
        "Test loss against training compute",
        "Figures 1 and 2",
        ("saturating-compute-loss",),
    ),
    Spec(
        "fig_loss_vs_data",
        "curves.loss_vs_data",
        "C2",
        "Test loss against problems seen",
        "Figures 1 and 4",
        ("saturating-data-loss",),
    ),
    Spec(
        "fig_k_of_N",
        "efficiency.k_of_n",
        "C4",
        "Learning efficiency against model size",
        "Figures 3 and 5",
        tuple(f"{law}-{x}-loss" for law in ("free_slopes", "saturating") for x in _X),
    ),
    Spec("fig_data_reuse", "sweeps.data_reuse", "C5", "Loss when problems are reused", "Figure 7"),
    Spec("fig_group_size", "sweeps.group_size", "C6", "Loss for several group sizes", "Figure 12"),
)
FIGURES = {spec.name: spec for spec in _ALL}
