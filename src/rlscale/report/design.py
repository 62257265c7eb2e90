"""What a study did, in one line, and what its answers do not bear: words for the report."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.report.figures.style import human

if TYPE_CHECKING:
    import pandas

_FEW_DECADES = 2.0  # The paper's sizes span 2.2.
_LONGEST = 150  # Characters of a check's detail.
_PLAIN = {  # A check that is listed -> the sentence it stands for; its detail where it ends in one.
    "every fit has the status ok": "Some fits end at a bound or are not told from a rival: “What "
    "each fit finds” has them.",
    "at least two runs of everything": "One run alone, which judges nothing by itself, of ",
}
_FINDINGS = {
    ("bends", "yes"): "the curves bend in log-log, so k, K_max and N0 depend on the steps that "
    "were fitted",
    ("saturates", "not_identified"): "saturation of k(N) is not told apart from a power law in N",
    ("saturates", "power"): "a power law in N fits k better than one that saturates",
    ("saturates", "no_replicates"): "one run a size: whether k(N) saturates is not judged",
    ("rises", "undecided"): "whether the largest size learns faster than the smallest is open",
    ("forecasts", "no"): "the law, fitted to the first part of the runs, forecasts the rest no "
    "better than the last points carried on",
}


def design(curves: "pandas.DataFrame", size: str, benchmark: str) -> str:
    """The design of a study in sentences.

    Args:
        curves: curves.csv.
        size: Column that holds N.
        benchmark: The benchmark that the fits are of.
    """
    rows = curves[curves["benchmark"] == benchmark]
    cells = rows.drop_duplicates("cell")
    runs = cells.groupby(["recipe", "model", "variant", "tau", "group_size"], dropna=False).size()
    each = f"{_between(runs, '{:g}'.format)} of each setting"
    suites = [
        f"{part['model'].nunique()} size{'s' * (part['model'].nunique() != 1)} of {variant} "
        f"({_between(part[size].dropna(), human)} parameters)"
        for variant, part in cells.groupby("variant")
    ]
    sentences = [
        f"{' and '.join(suites)}, trained for {rows['step'].max():g} steps in {len(cells)} "
        f"run{'s' * (len(cells) != 1)}, {each}",
        f"Every problem is used τ times ({_listed(cells['tau'])})"
        if cells["tau"].notna().any() else "",
        f"A step asks G responses to each of its problems ({_listed(cells['group_size'])})"
        if cells["group_size"].notna().any() else "",
        f"The loss is 1 − pass@1 on {_asked(rows)} of {benchmark}{_scored(rows)}",
    ]  # fmt: skip
    return ". ".join(sentence for sentence in sentences if sentence)


def _between(values: "pandas.Series[Any]", write: Any) -> str:
    ends = [write(values.min()), write(values.max())] if len(values) else ["?"]
    return " to ".join(dict.fromkeys(ends))


def _listed(values: "pandas.Series[Any]") -> str:
    return ", ".join(f"{value:g}" for value in sorted(values.dropna().unique()))


def _asked(rows: "pandas.DataFrame") -> str:
    """Problems, and responses to each where they were counted."""
    known = rows["n_problems"].dropna()
    if known.empty:
        return "the problems"
    text = f"{known.max():g} problems"
    each = (rows["n_samples"] / rows["n_problems"]).dropna()
    return text + (f" × {each.max():g} responses" if len(each) else "")


def _scored(rows: "pandas.DataFrame") -> str:
    """The names of the rules of scoring, where they are known."""
    names = sorted(rows["scoring"].dropna().unique()) if "scoring" in rows else []
    return f", scoring {' and '.join(names)}" if names else ""


def limits(
    checks: Sequence[Mapping[str, str]],
    fits: Mapping[str, Mapping[str, Any]],
    curves: "pandas.DataFrame",
    size: str,
) -> list[str]:
    """What a reader must hold against the answers, gravest first.

    Args:
        checks: results/checks.json.
        fits: Fit documents by name.
        curves: curves.csv.
        size: Column that holds N.
    """
    failed = [_check(check) for check in checks if check["status"] == "failed"]
    listed = [_check(check) for check in checks if check["status"] == "listed"]
    found: dict[str, list[tuple[str, str]]] = {}
    for document in fits.values():
        if document["law"] != "saturating":
            continue
        for entry in document["groups"]:
            for words in _findings(entry):
                found.setdefault(words, []).append((entry["variant"], document["x"]))
    judged = [f"{_concerned(of)}: {words}." for words, of in found.items()]
    n = curves[size].dropna()
    span = np.log10(n.max() / n.min()) if len(n) else 0.0
    narrow = []
    if span < _FEW_DECADES:
        narrow = [f"Sizes span {span:.1f} decades; what lies beyond rests on the law alone."]
    return [*failed, *judged, *narrow, *listed]


def _concerned(of: Sequence[tuple[str, str]]) -> str:
    """Variants in words, with the axis where a finding is of one axis alone."""
    axes: dict[str, list[str]] = {}
    for variant, x in of:
        axes.setdefault(variant, []).append(x)
    named = [f"{v} ({xs[0]})" if len(xs) == 1 else v for v, xs in axes.items()]
    return " and ".join(named)


def _findings(entry: Mapping[str, Any]) -> list[str]:
    verdicts = entry["verdicts"] or {}
    return [words for (name, value), words in _FINDINGS.items() if verdicts.get(name) == value]


def _check(check: Mapping[str, str]) -> str:
    detail = check["detail"]
    if len(detail) > _LONGEST:
        detail = detail[:_LONGEST].rsplit(" ", 1)[0] + " …"
    plain = _PLAIN.get(check["check"], "") if check["status"] == "listed" else ""
    if plain:
        return plain if plain.endswith(".") else f"{plain}{detail.partition(': ')[2] or detail}."
    lead = "Failed check" if check["status"] == "failed" else "Not clean"
    return f"{lead}: “{check['check']}”: {detail}"
