"""The leaderboard: which law errs least, by how much, and how sure that is."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t as student

from rlscale.bank.scores import CURVE, LEVEL
from rlscale.bank.tasks import KINDS
from rlscale.laws.arrays import Array

if TYPE_CHECKING:
    import pandas

ALL = "all"  # The mean over sources.
CHOSEN = "chosen_elsewhere"  # The law that did best on the other half of the sources.
COLUMNS = (
    "kind", "setting", "source", "law", "curves", "rms", "behind", "behind_low", "behind_high",
    "log_score", "interval_score", "coverage", "coverage_scaled", "scale",
)  # fmt: skip
_MEANS = ("rms", "log_score", "interval_score", "coverage", "coverage_scaled", "scale")


def leaderboard(scores: "pandas.DataFrame") -> "pandas.DataFrame":
    """Standings of all laws by task, setting and source, and over sources.

    Args:
        scores: A row per source, law and curve (``rlscale.bank.scores.curve_scores``).

    Returns:
        ``COLUMNS``: rms of log loss, root of the mean over curves; behind, its difference from the
        least of the same task, setting and source, with a 90 % interval (within a source from
        leaving out the curves of one model at a time, as those of one run go together; over
        sources from the spread of their differences; empty where there is one alone); scores as
        means over curves; coverage; and coverage_scaled, that of intervals ``scale`` times as wide
        about their forecast, the scale being what the other half of the sources needed. Scored are
        the curves of a source that all of its laws answer; a law that answers less than half has
        its count of curves and no numbers.
    """
    import pandas

    parts: list[pandas.DataFrame] = []
    for kind, setting in _tasks(scores):
        own = scores[(scores["kind"] == kind) & (scores["setting"] == setting)]
        each = [_of_source(str(name), part) for name, part in own.groupby("source")]
        rows = pandas.concat(each).merge(_scaled(own), on=["source", "law"], how="left")
        rows = pandas.concat([rows, *_chosen(rows)])
        asked = {"kind": kind, "setting": setting}
        parts += [part.assign(**asked) for part in (rows, _over_sources(rows))]
    whole = [part.astype(dict.fromkeys(COLUMNS[5:], float)) for part in parts]
    return pandas.concat(whole, ignore_index=True).reindex(columns=list(COLUMNS))


def _tasks(scores: "pandas.DataFrame") -> list[tuple[str, str]]:
    """Kinds in the order of ``KINDS``, each with its settings from little seen to much."""
    asked = set(zip(scores["kind"], scores["setting"], strict=True))
    return sorted(asked, key=lambda task: (KINDS.index(task[0]), Fraction(task[1])))


def _of_source(name: str, scores: "pandas.DataFrame") -> "pandas.DataFrame":
    """Standings within a source."""
    count = scores.groupby("law")["mse"].size()
    ranked = count.index[count >= count.max() / 2]
    own = scores[scores["law"].isin(ranked)]
    own = own[own.groupby(CURVE)["law"].transform("size") == len(ranked)]
    count[ranked] = len(own) // len(ranked)
    means = own.groupby("law")[["log_score", "interval_score", "coverage"]].mean()
    sums = own.pivot_table(
        index=["variant", "model"], columns="law", values="mse", aggfunc=["sum", "count"]
    )
    total, curves = sums["sum"].to_numpy(), sums["count"].to_numpy()
    rms = np.sqrt(total.sum(0) / curves.sum(0))
    behind = rms - rms.min()
    left_out = np.sqrt((total.sum(0) - total) / np.maximum(curves.sum(0) - curves, 1))
    apart = left_out - left_out[:, [rms.argmin()]]
    runs = len(total)
    error = np.sqrt((runs - 1) / runs * ((apart - apart.mean(0)) ** 2).sum(0))
    table = means.assign(rms=rms, **_interval(behind, error, runs - 1))
    return table.reindex(count.index).assign(source=name, curves=count).reset_index()


def _interval(behind: Array, error: Array, freedom: int) -> dict[str, Array]:
    reach = error * student.ppf((1 + LEVEL) / 2, freedom) if freedom > 0 else np.nan * error
    return {"behind": behind, "behind_low": behind - reach, "behind_high": behind + reach}


def _scaled(scores: "pandas.DataFrame") -> "pandas.DataFrame":
    """Coverage on each source of intervals widened as the other half of the sources asks for."""
    import pandas

    rows = []
    for law, own in scores.groupby("law"):
        reach = {
            name: np.concatenate(part["reach"].tolist()) for name, part in own.groupby("source")
        }
        for name, others in _other_halves(sorted(scores["source"].unique())):
            known = [np.quantile(reach[other], LEVEL) for other in others if other in reach]
            if name in reach and known:
                scale = float(np.mean(known))
                rows.append((name, law, float((reach[name] <= scale).mean()), scale))
    return pandas.DataFrame(rows, columns=["source", "law", "coverage_scaled", "scale"])


def _other_halves(sources: Sequence[str]) -> Iterable[tuple[str, list[str]]]:
    """Every source with the sources of the other half: every second one, by name."""
    for i, name in enumerate(sources):
        yield name, [other for j, other in enumerate(sources) if (i - j) % 2]


def _chosen(rows: "pandas.DataFrame") -> "Iterable[pandas.DataFrame]":
    """On each source, the law with the least mean rms on the other half."""
    rms = rows.pivot(index="source", columns="law", values="rms")
    for name, others in _other_halves(list(rms.index)):
        known = rms.loc[others].dropna(axis="columns")
        if known.size:
            best = known.mean().idxmin()
            yield rows[(rows["source"] == name) & (rows["law"] == best)].assign(law=CHOSEN)


def _over_sources(rows: "pandas.DataFrame") -> "pandas.DataFrame":
    """Means over sources, of the laws that answer all of them."""
    import pandas

    tables = {name: rows.pivot(index="source", columns="law", values=name) for name in _MEANS}
    rms = tables["rms"].dropna(axis="columns")
    best = rms.drop(columns=CHOSEN, errors="ignore").mean().idxmin()
    apart = rms.sub(rms[best], axis=0)
    error = (apart.std() / np.sqrt(len(rms))).to_numpy()
    columns: dict[str, Any] = {name: table[rms.columns].mean() for name, table in tables.items()}
    columns |= _interval(apart.mean().to_numpy(), error, len(rms) - 1)
    columns["curves"] = rows.groupby("law")["curves"].sum()[rms.columns]
    return pandas.DataFrame(columns).rename_axis("law").reset_index().assign(source=ALL)
