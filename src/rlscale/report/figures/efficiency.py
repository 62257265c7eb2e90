"""Learning efficiency against model size: free slopes with intervals, the law's k(N) over them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.laws.law import Law
from rlscale.laws.registry import law_named
from rlscale.report.figures.curves import evidence
from rlscale.report.figures.inputs import (
    SCOPES,
    Inputs,
    NothingToDraw,
    fixed,
    interval,
    span,
    title,
)
from rlscale.report.figures.output import NOT_JUDGED, Drawing, Evidence, agreed
from rlscale.report.figures.style import (
    ACCENT,
    DOUBLE,
    INK,
    MUTED,
    RIVAL,
    SMALL,
    human,
    log_ticks,
    note,
    panels,
    say,
    spread,
    widen,
)
from rlscale.report.figures.takeaways import of_slopes

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

_AXES = {
    "compute": "$k_C$, against compute",
    "compute_full": "$k_C$, against compute of all passes",
    "data": "$k_D$, against data",
}
_DASHES = {"dashed": "--", "dotted": ":", "dash-dotted": "-."}

_FINDINGS = {
    "identified": "saturation identified",
    "not_identified": "saturation not told from a power law",
    "power": "a pure power law fits better",
    "no_replicates": "saturation not judged: one run per size",
}


def k_of_n(inputs: Inputs) -> Drawing:
    """k(N) on compute and on data, one row of panels per (family, variant)."""
    import pandas

    compute = inputs.compute
    free = {x: inputs.fit("free_slopes", x) for x in (compute, "data")}
    law = {x: inputs.fit("saturating", x) for x in free}
    keys = [(entry["family"], entry["variant"]) for entry in free[compute]["groups"]]
    several = len({family for family, _ in keys}) > 1
    figure, grid = panels(
        len(keys), 2, width=DOUBLE, height=0.5 + 1.95 * len(keys), sharex=True, sharey="row"
    )
    parts, notes, words, answers = [], [], [], {}
    for row, key in zip(grid, keys, strict=True):
        for axes, x in zip(row, free, strict=True):
            slopes = _slopes(_entry(free[x], key), x)
            fitted = _entry(law[x], key)
            curve = _curve(fitted, x) if not _wild(fitted) else _curve(fitted | {"curve": []}, x)
            published = _published(inputs, key, x, slopes)
            parts += [slopes, curve, published]
            axes.set_title(f"{title(*key, several)}: {_AXES[x]}")
            _draw(axes, slopes, curve, law[x], _entry(law[x], key))
            for line, (_, own) in zip(
                _DASHES.values(), published.groupby("protocol"), strict=False
            ):
                axes.plot(own["n"], own["k"], line, color=RIVAL, lw=0.9)
        entry = _entry(law[compute], key)
        words.append(f"{key[1]} (against compute): {entry['verdict'] or entry['reason']}")
        answers[title(*key, several)] = _support(entry)
        scopes = dict.fromkeys(parts[-3]["scope"]) if len(parts[-3]) else {}
        notes += [f"{key[1]}: bars and band = {_interval_words(s, law[x])}." for s in scopes]
    drawn = [part for part in parts if len(part)]
    overlaid = sorted({p for part in drawn if "protocol" in part for p in part["protocol"]})
    lines = [f"{name} {what}" for name, what in zip(_DASHES, overlaid, strict=False)]
    if lines:
        notes.append(f"Published laws: {', '.join(lines)}.")
    if not drawn:
        reasons = dict.fromkeys(entry["reason"] for entry in free[compute]["groups"])
        raise NothingToDraw(f"no slope could be fitted ({'; '.join(reasons)})")
    table = pandas.concat(drawn, ignore_index=True)
    for axes in grid.flat:
        axes.set_xlim(widen(table["n"]))
        log_ticks(axes.xaxis, human)
    for axes in grid[-1]:
        axes.set_xlabel(_n_label(free[compute]["size"]))
    for axes in grid[:, 0]:
        axes.set_ylabel("learning efficiency $k$")
    note(figure, [*notes, _absent(free[compute]), inputs.missing()])
    found = [one for key in keys for one in _evidence(free[compute], law[compute], key)]
    groups = {title(*key, several): [_entry(law[x], key) for x in law] for key in keys}
    return Drawing(
        figure, table, " ".join(words), agreed(answers.values()), found,
        takeaway=of_slopes(groups), answers=answers,
    )  # fmt: skip


def _evidence(free: dict[str, Any], law: dict[str, Any], key: tuple[str, str]) -> list[Evidence]:
    """k of the largest size, and K_max and how much worse a power law does, against compute."""
    own, entry = _entry(free, key), _entry(law, key)
    if not own["sizes"]:
        return []
    largest = own["sizes"][-1]
    what = f"k of the largest size, {largest['model']}, against compute"
    found = [evidence(own, what, largest["k"], (largest["model"],))]
    if "K_max" in entry["parameters"] and not _wild(entry):
        found.append(
            evidence(entry, "K_max of the law, against compute", entry["parameters"]["K_max"])
        )
    return found


def _entry(document: dict[str, Any], key: tuple[str, str]) -> dict[str, Any]:
    return next(e for e in document["groups"] if (e["family"], e["variant"]) == key)


def _n_label(size: str) -> str:
    names = {
        "n_params": "model size $N$ (parameters without embeddings)",
        "n_params_total": "model size $N$ (all parameters)",
        "n_params_nominal": "model size $N$ (nominal)",
    }
    return names.get(size, size)


def _interval_words(scope: str, document: dict[str, Any]) -> str:
    if scope == "none":
        return "not available (too little data)"
    return f"{100 * document['level']:g} % intervals over {SCOPES[scope]}"


def _absent(document: dict[str, Any]) -> str:
    diverged = document["cells"]["diverged"]
    if not diverged:
        return ""
    return f"Left out as diverged: {len(diverged)} cells ({', '.join(diverged[:3])})."


def _slopes(entry: dict[str, Any], x: str) -> "pandas.DataFrame":
    import pandas

    rows = []
    for size in entry["sizes"]:
        low, high, found = interval(size["k"], entry["scope"])
        rows.append(
            {
                "family": entry["family"],
                "variant": entry["variant"],
                "x": x,
                "mark": "free slope",
                "model": size["model"],
                "n": size["n"],
                "k": size["k"]["estimate"],
                "low": low,
                "high": high,
                "scope": found,
                "n_runs": size["n_runs"],
            }
        )
    return pandas.DataFrame(rows)


def _curve(entry: dict[str, Any], x: str) -> "pandas.DataFrame":
    import pandas

    own = {"family": entry["family"], "variant": entry["variant"], "x": x, "mark": "law"}
    return pandas.DataFrame([own | point for point in entry["curve"]])


def _published(
    inputs: Inputs, key: tuple[str, str], x: str, slopes: "pandas.DataFrame"
) -> "pandas.DataFrame":
    """The published law over this study's sizes, one row per protocol and point."""
    import pandas

    parts = [pandas.DataFrame({"protocol": []})]
    if len(slopes):
        n = np.geomspace(slopes["n"].min(), slopes["n"].max(), 60)
        for row in inputs.published(key[1], x).to_dict("records"):
            own = {"family": key[0], "variant": key[1], "x": x, "mark": "published"}
            k = row["K_max"] / (1 + row["N0"] / n)
            parts.append(pandas.DataFrame({**own, "protocol": row["protocol"], "n": n, "k": k}))
    return pandas.concat(parts, ignore_index=True)


def _draw(
    axes: "Axes",
    slopes: "pandas.DataFrame",
    curve: "pandas.DataFrame",
    document: dict[str, Any],
    entry: dict[str, Any],
) -> None:
    axes.set_xscale("log")
    axes.axhline(0, color=MUTED, lw=0.6)
    if len(curve):
        band = curve.dropna(subset=["low", "high"])
        axes.fill_between(band["n"], band["low"], band["high"], color=ACCENT, alpha=0.18, lw=0)
        axes.plot(curve["n"], curve["k"], color=ACCENT)
    if not len(slopes):
        say(axes, entry["reason"] or "no slopes")
        return
    barred = slopes[np.isfinite(slopes["low"])]
    axes.errorbar(
        barred["n"],
        barred["k"],
        yerr=spread(barred, "k"),
        fmt="none",
        ecolor=INK,
        elinewidth=0.8,
        capsize=1.6,
        capthick=0.8,
    )
    axes.plot(slopes["n"], slopes["k"], "o", color=INK, mfc="white", mew=0.9, ms=4)
    _leave_headroom(axes)
    words = _parameters(law_named(document["law"]), entry)
    axes.text(0.03, 0.96, words, transform=axes.transAxes, va="top", fontsize=SMALL)


def _leave_headroom(axes: "Axes") -> None:
    """Room for the text above all that is drawn, also where the axes share their range."""
    low, high = axes.dataLim.intervaly
    axes.update_datalim([(axes.dataLim.x0, high + 0.4 * (high - low))], updatex=False)
    axes.autoscale_view(scalex=False)


def _parameters(law: Law, entry: dict[str, Any]) -> str:
    """The law's parameters with intervals, or why there are none."""
    if not entry["parameters"]:
        return entry["reason"]
    if _wild(entry):
        return "no law drawn: one run per size,\nand its fit ends at a bound"
    lines = []
    for own in law.parameters:
        quantity, write = entry["parameters"][own.name], human if own.unit else fixed
        ends = span(quantity, entry["scope"], write)
        lines.append(f"{own.symbol} = {write(quantity['estimate'])}{ends}")
    if entry["identification"]:
        lines.append(_FINDINGS[entry["identification"]["verdict"]])
    if entry["verdicts"]["bends"] == "yes":
        lines.append("curves bend: $k$ depends on the window")
    return "\n".join(lines)


def _wild(entry: dict[str, Any]) -> bool:
    """Whether a law of single runs ended at a bound: such parameters and lines say nothing."""
    alone = bool(entry["verdicts"]) and entry["verdicts"]["saturates"] == "no_replicates"
    return alone and entry["status"] == "at_bound"


def _support(entry: dict[str, Any]) -> str:
    """C4: whether k(N) saturates, from the comparison with a pure power law."""
    identification = entry["identification"]
    if identification is None:
        return "undecided"
    if entry["verdicts"]["saturates"] == "no_replicates":
        return NOT_JUDGED
    return {"identified": "yes", "power": "no"}.get(identification["verdict"], "undecided")
