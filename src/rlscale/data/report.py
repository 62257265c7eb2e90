"""The report of one data set: a waterfall of its rows, overlaps, levels and pass rates."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas

from rlscale.data.clean import Cleaned
from rlscale.data.problems import is_broken
from rlscale.data.waterfall import waterfall

_BINS = [i / 10 for i in range(11)]


def data_report(
    name: str,
    settings: Mapping[str, Any],
    rows_in: Mapping[str, int],
    tables: Mapping[str, pandas.DataFrame],
    cleaned: Cleaned,
    losses: pandas.DataFrame,
) -> dict[str, Any]:
    """What went in, what was lost where, what came out; for report.json and the figures.

    Args:
        name: The set's name.
        settings: The set's entry of the configuration's ``data`` section.
        rows_in: Raw rows of each part.
        tables: The usable ones, as problem tables.
        cleaned: What the stage made of them.
        losses: Every row that is in no part of the result, quarantine included.
    """
    steps = waterfall(sum(rows_in.values()), losses)
    out = {"train": cleaned.train, "held_out": cleaned.held_out}
    for part, table in out.items():
        steps.append({"stage": part, "reason": "", "rows": len(table), "left": len(table)})
    clusters = cleaned.train["cluster_id"].value_counts()
    return {
        "set": name,
        "cleaning": settings["cleaning"],
        "rows_in": dict(rows_in),
        "rows_out": sum(map(len, out.values())),
        "rows_lost": len(losses),
        "mangled_kept": sum(int(t["problem"].map(is_broken).sum()) for t in tables.values()),
        "waterfall": steps,
        "levels": {part: _counts(table["level"]) for part, table in out.items()},
        "clusters_of_several": int((clusters > 1).sum()),
        "conflict_groups": int(cleaned.conflicts[["part", "group"]].drop_duplicates().shape[0]),
        "overlaps": _overlaps(cleaned.hits),
        "pass_rate": {
            part: _histogram(table["pass_rate"])
            for part, table in {"before": pandas.concat(tables.values()), **out}.items()
        },
    }


def _counts(names: pandas.Series) -> dict[Hashable, int]:
    return names.value_counts().sort_index().to_dict()


def _overlaps(hits: pandas.DataFrame) -> list[dict[Hashable, Any]]:
    """Pairs, and problems on the second side, by part, other side and verdict."""
    groups = hits.groupby(["part", "against", "verdict"])
    counts = groups.agg(pairs=("other", "size"), problems=("other", "nunique"))
    return counts.reset_index().to_dict("records")


def _histogram(rates: pandas.Series) -> list[dict[str, Any]]:
    """Rows per tenth of the pass rate (upper end included in the last), and the unknown ones."""
    bins = pandas.cut(rates, _BINS, right=False, labels=_BINS[:-1])
    counts = bins.where(rates != 1, _BINS[-2]).value_counts()
    known = [{"from": start, "rows": int(counts.get(start, 0))} for start in _BINS[:-1]]
    return [*known, {"from": None, "rows": int(rates.isna().sum())}]
