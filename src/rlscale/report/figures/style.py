"""The one look of all figures: sizes, colours, ticks, labels.

Column width 3.3 in, double width 6.9 in. Sizes are ordered along a sequential palette (light =
small, dark = large; readable in grey) and also told apart by markers and direct labels.
"""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter

if TYPE_CHECKING:
    import pandas

COLUMN, DOUBLE = 3.3, 6.9  # Inches.
INK, MUTED, FAINT = "#222222", "#6b6b6b", "#cfcfcf"
ACCENT, RIVAL = "#0b6e8f", "#c4581b"  # Okabe-Ito-like blue and vermilion, apart in grey too.
MARKERS = "osD^vPX<>hp*"
# Palettes, each from where it is dark enough on white to its dark end.
_SHADES = {"viridis": (0.6, 0.0), "cividis": (0.63, 0.0), "plasma": (0.64, 0.0), "Greys": (0.51, 1)}
PALETTES = tuple(_SHADES)
HEADLINE = 8.5  # Points.
SMALL = 7.0  # Points: the least that is read in print.
_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # Ships with matplotlib: the same on every machine.
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e9e9e9",
    "grid.linewidth": 0.5,
    "xtick.bottom": True,
    "ytick.left": True,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.6,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "mathtext.fontset": "dejavusans",
    "pdf.fonttype": 42,
    "svg.hashsalt": "rlscale",  # Equal drawings get equal names of parts.
    "savefig.dpi": 300,
    "figure.dpi": 300,
}


def style() -> AbstractContextManager[None]:
    """The look, as a context: seaborn's for papers, in our sizes and inks."""
    import seaborn

    base = seaborn.axes_style("whitegrid") | seaborn.plotting_context("paper")
    return matplotlib.rc_context(base | _RC)


def panels(
    rows: int, columns: int, *, width: float, height: float, **subplots: Any
) -> tuple[Figure, np.ndarray]:
    """A figure with a grid of axes (rows, columns); width and height in inches."""
    layout = ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.04)
    figure = Figure(figsize=(width, height), layout=layout)
    return figure, figure.subplots(rows, columns, squeeze=False, **subplots)


def colours(count: int, palette: str) -> list[str]:
    """``count`` colours from light (small) to dark (large), each 3 to 1 against white or more."""
    import seaborn

    shades = seaborn.color_palette(palette, as_cmap=True)(
        np.linspace(*_SHADES[palette], max(count, 2))
    )
    return [matplotlib.colors.to_hex(shade) for shade in shades[len(shades) - count :]]


def human(value: float) -> str:
    """A count as people write it: 31k, 1.2M, 0.5B, 7B."""
    for unit, name, least in ((1e12, "T", 1e12), (1e9, "B", 4e8), (1e6, "M", 1e6), (1e3, "k", 1e3)):
        if abs(value) >= 0.9995 * least:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def scientific(value: float) -> str:
    """A power of ten as people write it: 10^12, 2x10^12."""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    mantissa = value / 10.0**exponent
    power = f"10^{{{exponent}}}"
    return f"${power}$" if abs(mantissa - 1) < 1e-6 else f"${mantissa:.3g}{{\\times}}{power}$"


def plain(value: float) -> str:
    """A number without exponent."""
    return f"{value:.6g}"


def per_cent(value: float) -> str:
    """A share as a percentage."""
    return f"{100 * value:.3g} %"


_MANTISSAS: tuple[tuple[float, ...], ...] = (
    (1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7),
)  # fmt: skip


def _spaced(low: float, high: float, count: int) -> list[float]:
    """About so many evenly spaced round numbers from low to high."""
    locator = matplotlib.ticker.MaxNLocator(count, steps=[1, 2, 2.5, 5, 10])
    return [value for value in locator.tick_values(low, high) if low <= value <= high]


def log_ticks(
    axis: Axis, write: Callable[[float], str] = plain, *, least: int = 3, most: int = 6
) -> None:
    """Few labelled ticks at round numbers for a logarithmic axis; call when limits are final.

    Below a third of a decade, where powers of ten say nothing, evenly spaced round numbers.
    """
    low, high = sorted(axis.get_view_interval())
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)

    def inside(mantissas: Iterable[float]) -> list[float]:
        values = [m * 10.0**d for d in decades for m in mantissas]
        return [v for v in values if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]

    ticks = next((t for m in _MANTISSAS if least <= len(t := inside(m)) <= most), None)
    if ticks is None and np.log10(high / low) > 2:
        powers = inside((1,))
        ticks = powers[:: -(-len(powers) // most)]
    elif ticks is None:
        spaced = [_spaced(low, high, count) for count in (4, 6, 8)]
        ticks = next((values for values in spaced if len(values) >= least), spaced[-1])
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([write(t) for t in ticks]))
    minor = inside(range(1, 10)) if np.log10(high / low) <= 4 else inside((1,))
    axis.set_minor_locator(FixedLocator([v for v in minor if v not in ticks]))
    axis.set_minor_formatter(NullFormatter())


def widen(values: "Sequence[float] | pandas.Series[Any]", by: float = 0.05) -> tuple[float, float]:
    """Limits around positive values, with a margin, for a logarithmic axis."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite) & (finite > 0)]
    low, high = np.log(finite.min()), np.log(finite.max())
    margin = by * max(high - low, 0.15)
    return float(np.exp(low - margin)), float(np.exp(high + margin))


def spread(table: "pandas.DataFrame", value: str = "value") -> np.ndarray | None:
    """Lengths of error bars below and above the values (2, rows), from the columns low and high.

    None where no row has an interval: then a legend shows no bar either.
    """
    ends = table["low"], table[value], table["high"]
    lengths = np.diff(np.stack([end.to_numpy(float) for end in ends]), axis=0)
    return lengths if np.isfinite(lengths).any() else None


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write labels beside the ends of lines, pushed apart where they would overlap.

    A label that had to move is tied to its line's end.

    Args:
        axes: Axes whose scales and limits are final.
        ends: (x, y, text, colour) of each end.
    """
    to_axes = axes.transData + axes.transAxes.inverted()
    points = to_axes.transform([(x, y) for x, y, *_ in ends])
    box = axes.get_position()
    assert isinstance(axes.figure, Figure)
    width, height = axes.figure.get_size_inches() * (box.width, box.height) * 72
    gap, reach = 1.12 * SMALL / height, 30 / width
    order = np.argsort(points[:, 1], kind="stable")
    placed: list[tuple[float, float]] = []
    for i in order:
        x, y = points[i]
        for other_x, other_y in placed:
            if abs(other_x - x) < reach:
                y = max(y, other_y + gap)
        placed.append((x, y))
    shift = max(0.0, max((y for _, y in placed), default=0.0) - 1.0) / 2
    tie: dict[str, Any] = {"arrowstyle": "-", "lw": 0.6, "shrinkA": 1, "shrinkB": 0}
    for i, (x, y) in zip(order, placed, strict=True):
        moved = abs(y - shift - points[i][1]) > gap / 2
        axes.annotate(
            ends[i][2],
            points[i],
            xytext=(x + 8 / width, y - shift),
            arrowprops=tie | {"color": ends[i][3], "relpos": (0, 0.5)} if moved else None,
            xycoords="axes fraction",
            textcoords="axes fraction",
            fontsize=SMALL,
            color=INK,
            va="center",
            annotation_clip=False,
            bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.3},
        )


def note(figure: Figure, lines: Iterable[str]) -> None:
    """Write what a reader must know below the panels: what is missing, what the bars mean."""
    text = "  ".join(line for line in lines if line)
    if not text:
        return
    characters = int(figure.get_size_inches()[0] * 72 / (0.56 * SMALL))
    wrapped = textwrap.fill(text.replace(" %", "\N{NO-BREAK SPACE}%"), characters)
    figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=SMALL, color=MUTED)


def headline(figure: Figure, text: str) -> None:
    """Write a figure's message above its panels and its legend; the figure grows by it."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, int(width * 72 / (0.62 * HEADLINE)))
    figure.set_size_inches(width, height + 1.35 * HEADLINE / 72 * len(lines))
    words = "\n".join(lines)
    if figure.legends:  # which the layout puts where a title would stand
        legend = figure.legends[0]
        legend.set_title(words, FontProperties(size=HEADLINE, weight="bold"))
        legend.set_alignment("left")
    else:
        figure.suptitle(words, x=0.01, ha="left", fontsize=HEADLINE, fontweight="bold", color=INK)


def blank(message: str) -> Figure:
    """A figure that only says why there is nothing to show."""
    figure, grid = panels(1, 1, width=COLUMN, height=1.3)
    axes = grid[0, 0]
    axes.set_axis_off()
    say(axes, message)
    return figure


def say(axes: Axes, message: str) -> None:
    """Write into an empty panel why it is empty."""
    axes.text(
        0.5, 0.5, message,
        color=MUTED, wrap=True, ha="center", va="center", transform=axes.transAxes,
    )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
