"""How the figure is drawn."""

from rlscale.report.figures.inputs import Inputs
from rlscale.report.figures.output import Drawing
from rlscale.report.figures.style import COLUMN, note, panels


def gain(inputs: Inputs) -> Drawing:
    """Pass@1 after training less that before, per model."""
    rows = inputs.size_rows().sort_values("step")
    ends = rows.groupby("model")["pass_at_1"].agg(["first", "last"]).reset_index()
    table = ends.assign(gain=ends["last"] - ends["first"])
    figure, grid = panels(1, 1, width=COLUMN, height=1.8)
    grid[0, 0].barh(table["model"], table["gain"])
    grid[0, 0].set_xlabel("gain in pass@1")
    note(figure, [inputs.missing()])
    words = "; ".join(f"{row.model} {row.gain:+.3f}" for row in table.itertuples())
    return Drawing(figure, table, f"Gain in pass@1: {words}.")
