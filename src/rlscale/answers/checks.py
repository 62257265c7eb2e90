"""Result checks: what must hold of a study's tables and fits before anybody reads a figure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.answers.learning_rates import best_rates
from rlscale.curves.trends import collapsed

if TYPE_CHECKING:
    import pandas

_SHOWN = 5
_SURE = 0.05
Fits = Mapping[str, dict[str, Any]]  # Fit documents by name.


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        check: What must hold, in words.
        status: ``passed``, ``failed``, ``listed`` (no failure, but worth knowing) or
            ``not applicable``.
        detail: What was found; names the offenders.
    """

    check: str
    status: str
    detail: str


def check_results(
    curves: "pandas.DataFrame",
    fits: Fits,
    *,
    expected: Sequence[str],
    outcomes: "pandas.DataFrame | None",
    ledger: "pandas.DataFrame | None",
    protocols: "pandas.DataFrame | None",
    seen: Mapping[str, "pandas.DataFrame"],
    benchmark: str,
    allow_missing: bool,
) -> list[Check]:
    """Check a study.

    Args:
        curves: curves.csv.
        fits: Fit documents by name.
        expected: Cells that the study names; empty for curves made elsewhere.
        outcomes: outcomes.parquet, where the study makes it.
        ledger: ledger.csv, where the study makes it.
        protocols: protocols.csv, where the study makes it.
        seen: Corpus -> its seen.csv, where models are made here.
        benchmark: The benchmark of the fits, whose loss compares learning rates.
        allow_missing: ``figures.allow_missing``: missing cells are listed, not a failure.
    """
    return [
        _cells(curves, expected, allow_missing),
        _diverged(fits),
        _collapsed(curves),
        _losses(curves),
        _counts(curves),
        _outcomes(curves, outcomes),
        _isolation(outcomes),
        _ledger(curves, ledger),
        _compute(curves),
        _protocols(fits),
        _learning_rates(curves, protocols, benchmark),
        _seen(seen),
        _intervals(fits),
        _statuses(fits),
        _runs(curves),
    ]


def failures(checks: Sequence[Check]) -> list[Check]:
    """The checks that failed."""
    return [check for check in checks if check.status == "failed"]


def as_table(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """The checks as JSON values."""
    return [asdict(check) for check in checks]


def _result(check: str, offenders: Sequence[str], fine: str, status: str = "failed") -> Check:
    if not offenders:
        return Check(check, "passed", fine)
    more = f" and {len(offenders) - _SHOWN} more" if len(offenders) > _SHOWN else ""
    return Check(check, status, f"{len(offenders)}: {'; '.join(offenders[:_SHOWN])}{more}")


def _cells(curves: "pandas.DataFrame", expected: Sequence[str], allow_missing: bool) -> Check:
    name = "every cell that the study names has a curve"
    if not expected:
        return Check(name, "not applicable", "curves made elsewhere: no cell is named")
    missing = sorted(set(expected) - set(curves["cell"]))
    return _result(name, missing, f"{len(expected)} cells", "listed" if allow_missing else "failed")


def _diverged(fits: Fits) -> Check:
    diverged = sorted({cell for fit in fits.values() for cell in fit["cells"]["diverged"]})
    return _result("no cell diverged or was refused", diverged, "none", "listed")


def _collapsed(curves: "pandas.DataFrame") -> Check:
    bad = [
        f"{name}, from {low:.3g} at step {step:g} to {last:.3g}"
        for name, step, low, last in collapsed(curves)
    ]
    fine = f"{curves['cell'].nunique()} cells"
    return _result("no loss rises back by half of its fall", bad, fine, "listed")


def _losses(curves: "pandas.DataFrame") -> Check:
    bad = curves[~curves["loss"].between(0, 1)]
    return _result("losses lie in [0, 1]", _places(bad), f"{len(curves)} rows")


def _places(rows: "pandas.DataFrame") -> list[str]:
    return [f"{r.cell}, step {r.step:g}, {r.benchmark}" for r in rows.itertuples()]


def _counts(curves: "pandas.DataFrame") -> Check:
    name = "outcomes add up: correct + unparsed + timed out <= samples, loss = 1 - correct/samples"
    rows = curves.dropna(subset=["n_samples", "n_correct"])
    if rows.empty:
        return Check(name, "not applicable", "the curves have no counts")
    accounted = rows[["n_correct", "n_unparsed", "n_timeout"]].fillna(0).sum(axis=1)
    # The loss is a mean over problems, which may differ from that over samples by unequal n.
    equal_n = (rows["n_samples"] % rows["n_problems"]).eq(0)
    gained = 1 - rows["n_correct"] / rows["n_samples"] - rows["loss"]
    # Rules of scoring other than ours may give credit for parts of an answer.
    apart = (gained.abs() > 1e-6) & (rows["scoring"].fillna("ours").eq("ours") | (gained < 0))
    bad = rows[(accounted > rows["n_samples"]) | (apart & equal_n)]
    return _result(name, _places(bad), f"{len(rows)} rows")


def _outcomes(curves: "pandas.DataFrame", outcomes: "pandas.DataFrame | None") -> Check:
    name = "correct, wrong, unparsed and timed out add up for every problem, and to the curves"
    if outcomes is None:
        return Check(name, "not applicable", "the study makes no outcomes table")
    four = outcomes[["n_correct", "n_wrong", "n_unparsed", "n_timeout"]].sum(axis=1)
    bad = [
        f"{r.cell}, step {r.step:g}, problem {r.problem_id}"
        for r in outcomes[four != outcomes["n"]].itertuples()
    ]
    keys = ["cell", "step", "benchmark"]
    sums = outcomes.groupby(keys)[["n", "n_correct"]].sum().reset_index()
    both = curves.merge(sums, on=keys, how="left", suffixes=("", "_problems"))
    apart = both[
        (both["n"] != both["n_samples"]) | (both["n_correct_problems"] != both["n_correct"])
    ]
    return _result(name, [*bad, *_places(apart)], f"{len(outcomes)} rows")


def _isolation(outcomes: "pandas.DataFrame | None") -> Check:
    name = "programs were run where they could read no file of the user's"
    if outcomes is None or "isolation" not in outcomes:
        return Check(name, "not applicable", "no benchmark of the study runs programs")
    modes = outcomes.drop_duplicates("cell")["isolation"].dropna().value_counts().sort_index()
    told = [f"{mode}: {count} cell{'s' * (count > 1)}" for mode, count in modes.items()]
    return _result(name, [mode for mode in told if "filter" in mode], "; ".join(told), "listed")


def _ledger(curves: "pandas.DataFrame", ledger: "pandas.DataFrame | None") -> Check:
    name = "the ledger has every step of every cell"
    if ledger is None:
        return Check(name, "not applicable", "the study makes no ledger")
    last = curves.groupby("cell")["step"].max()
    updates = ledger[ledger["phase"] == "update"]
    bad = []
    for cell, steps in last.items():
        own = set(updates.loc[updates["cell"] == cell, "step"])
        lacking = [step for step in range(1, int(steps) + 1) if step not in own]
        if lacking:
            bad.append(f"{cell} lacks step {lacking[0]} ({len(lacking)} in all)")
    return _result(name, bad, f"{len(last)} cells, {len(updates)} steps")


def _compute(curves: "pandas.DataFrame") -> Check:
    name = "data and compute grow with every step"
    bad = []
    for (cell, benchmark), part in curves.groupby(["cell", "benchmark"], sort=True):
        ordered = part.sort_values("step")
        for column in ("data_samples", "compute_flops"):
            if (ordered[column].dropna().diff().dropna() <= 0).any():
                bad.append(f"{cell}, {benchmark}: {column}")
    return _result(name, bad, f"{curves['cell'].nunique()} cells")


def _protocols(fits: Fits) -> Check:
    bad = [
        f"{name} joins {len(fit['protocol_digests'])} protocols"
        for name, fit in fits.items()
        if len(fit["protocol_digests"]) > 1
    ]
    fine = f"{len(fits)} fits"
    return _result("every fit is over cells of one protocol", bad, fine, "listed")


def _learning_rates(
    curves: "pandas.DataFrame", protocols: "pandas.DataFrame | None", benchmark: str
) -> Check:
    name = "the best learning rate lies inside its grid"
    best = None if protocols is None else best_rates(curves, protocols, benchmark)
    if best is None or best.empty:
        return Check(name, "not applicable", "nothing was trained under several learning rates")
    at_edge = [
        f"{row['model']} {row['variant']} (tau {row['tau']:g}, G {row['group_size']:g}): "
        f"{row['best']:g} is the {'smallest' if row['best'] == row['rates'][0] else 'largest'} of "
        f"{len(row['rates'])}; widen it ({_told(row)})"
        for row in best[best["edge"]].to_dict("records")
    ]
    fine = "; ".join(
        f"{row['model']} {row['variant']}: {row['best']:g} ({_told(row)})"
        for row in best.to_dict("records")
    )
    return _result(name, at_edge, fine, "listed")


def _told(row: Mapping[Any, Any]) -> str:
    """Whether the best rate is told from the next best."""
    if np.isnan(row["p"]):
        return f"one run each tells nothing from {row['second']:g}"
    told = "told" if row["p"] < _SURE else "not told"
    return f"{told} from {row['second']:g}, p = {row['p']:.2g}"


def _seen(seen: "Mapping[str, pandas.DataFrame]") -> Check:
    name = "no problem of a benchmark was learnt by the models made here"
    if not seen:
        return Check(name, "not applicable", "no model of the study is made here")
    learnt = [
        f"{row.seen} of {row.problems} of {row.name} ({corpus}); pretraining.unseen leaves them out"
        for corpus, table in seen.items()
        for row in table[table["seen"] > 0].itertuples(index=False)
    ]
    return _result(name, learnt, f"{len(seen)} corpora", "listed")


def quantities(value: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every quantity (estimate with intervals) of a fit document, with its place."""
    if isinstance(value, Mapping):
        if "estimate" in value and "intervals" in value:
            yield where, value
            return
        for key, item in value.items():
            yield from quantities(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from quantities(item, f"{where}[{i}]")


def _intervals(fits: Fits) -> Check:
    """Fits at a bound or without an optimum are listed by ``_statuses``, not judged here."""
    bad, count = [], 0
    for name, fit in fits.items():
        sound = [group for group in fit["groups"] if group["status"] == "ok"]
        for where, quantity in quantities(sound):
            for scope, found in quantity["intervals"].items():
                if found["status"] != "ok":
                    continue
                count += 1
                low = -np.inf if found["low"] is None else found["low"]
                high = np.inf if found["high"] is None else found["high"]
                slack = 1e-8 * max(abs(quantity["estimate"]), 1e-8)
                if not low - slack <= quantity["estimate"] <= high + slack:
                    bad.append(f"{name}: {where} ({scope})")
    return _result("intervals contain their estimates", bad, f"{count} intervals")


def _statuses(fits: Fits) -> Check:
    trouble = [
        f"{name}, {group['variant']}: {group['status']}"
        for name, fit in fits.items()
        for group in fit["groups"]
        if group["status"] != "ok"
    ]
    return _result("every fit has the status ok", trouble, f"{len(fits)} fits", "listed")


def _runs(curves: "pandas.DataFrame") -> Check:
    named = curves.reindex(columns=["n_params", "n_params_nominal"])
    sized = curves.assign(size=named["n_params"].fillna(named["n_params_nominal"]))
    keys = ["recipe", "size", "model", "variant", "tau", "group_size"]
    runs = sized.groupby(keys, dropna=False)["cell"].nunique()
    single = [f"{key[2]} {key[3]} (tau {key[4]:g}, G {key[5]:g})" for key in runs.index[runs < 2]]
    return _result("at least two runs of everything", single, f"{len(runs)} settings", "listed")
