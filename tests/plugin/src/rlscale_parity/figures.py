"""A figure, as the registry needs it: light to import, because every rule reads it."""

from pathlib import Path

from rlscale.report.figures.registry import Figure

FIG_GAIN = Figure(
    "fig_gain",
    "rlscale_parity.drawing:gain",
    claim="Study",
    title="What training gained",
    shows=Path(__file__).with_name("fig_gain.rst"),
)
