"""One sentence above a figure, where its verdicts allow one: what they found, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.report.figures.inputs import fixed, span, title

if TYPE_CHECKING:
    import pandas

_ALARM = 0.05  # of a misfit: the law's own sentences have it too (laws/findings.py)
_RISES = {"yes": "k rises with N", "no": "k falls with N"}
_FASTER = {"yes": "faster", "no": "more slowly"}
_RIVALS = {
    "identified": "and saturates: a power law fits worse",
    "not_identified": "a power law does as well as saturation",
    "power": "a power law fits better than saturation",
}
# One target: errors that differ by less than half of the smaller are not told apart.
BETTER = 1 / 3  # share of the naive error that a law must spare to be called better
_TARGETS = {"inter": "the largest size", "intra": "the rest of a run"}


def of_slopes(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """k(N): whether it rises, and whether it is told from a power law.

    Args:
        groups: Variant -> entries of the saturating law's fits on each abscissa, which must agree
            for a sentence.
    """
    return joined({variant: _of_slopes(entries) for variant, entries in groups.items()})


def _of_slopes(entries: Sequence[Mapping[str, Any]]) -> str:
    said = {_slopes_words(entry) for entry in entries}
    if len(said) > 1:  # the share of saturation differs between abscissas where the verdict agrees
        said = {_slopes_words(entry, share=False) for entry in entries}
    return said.pop() if len(said) == 1 else ""


def _slopes_words(entry: Mapping[str, Any], *, share: bool = True) -> str:
    verdicts, found = entry["verdicts"], entry["identification"]
    if not verdicts or verdicts["rises"] not in _RISES:
        return ""
    rises = _RISES[verdicts["rises"]]
    if not found or verdicts["saturates"] not in _RIVALS or verdicts["rises"] == "no":
        return rises
    if found["p_misfit"] < _ALARM:
        return f"{rises}, but the slopes miss the law by more than their errors"
    told = _RIVALS[verdicts["saturates"]]
    chance = f"{found['p_law']:.2f}".removeprefix("0")
    parted = " " if told.startswith("and") else "; "
    return f"{rises}{parted}{told}{f' (P(saturating) = {chance})' if share else ''}"


def of_contrast(entries: Sequence[Mapping[str, Any]]) -> str:
    """Whether the largest size learns faster per FLOP than the smallest."""
    said = {}
    for name, entry in named(entries):
        rises = entry["verdicts"]["rises"] if entry["verdicts"] else ""
        difference = entry["contrast"]["difference"] if entry["contrast"] else None
        said[name] = ""
        if difference and rises in _FASTER:
            ends = span(difference, entry["scope"], fixed)
            said[name] = (
                f"the largest size learns {_FASTER[rises]} per FLOP than the smallest: \u0394k = "
                f"{fixed(difference['estimate'])}{ends}"
            )
    return joined(said)


def named(
    entries: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Entries of a fit by the title of their panel."""
    several = len({entry["family"] for entry in entries}) > 1
    return ((title(entry["family"], entry["variant"], several), entry) for entry in entries)


def of_bends(entries: Sequence[Mapping[str, Any]]) -> str:
    """Whether the curves are straight in log-log."""
    said = {}
    for name, entry in named(entries):
        bends = entry["verdicts"]["bends"] if entry["verdicts"] else ""
        said[name] = ""
        if bends == "yes":
            said[name] = "the curves bend in log-log: a slope depends on the steps it is fitted to"
        elif bends == "no":
            said[name] = "the mean curvature in log-log is not told from 0"
    return joined(said)


def of_forecast(protocol: str, table: "pandas.DataFrame", law: str) -> str:
    """How a law forecast beside naive guesses and the best of all.

    Args:
        protocol: ``inter`` or ``intra``.
        table: Scores of laws; those over all targets count.
        law: The law that is asked about.
    """
    said = {}
    groups = table[table["model"] == "all"].groupby(["family", "variant"], dropna=False)
    several = table["family"].nunique() > 1
    for (family, variant), part in groups:
        rows = part.set_index("law")
        naive = rows.loc[rows.index.intersection(["constant", "last_value"]), "rmse"].min()
        own = rows["rmse"].get(law, np.nan)
        if not (np.isfinite(own) and np.isfinite(naive)):
            continue
        best = str(rows["rmse"].idxmin())
        little = "little better" if own < naive else "no better"
        beats = "better" if own < naive * (1 - BETTER) else little
        rival = "" if best == law else f"; {best} does best, {rows['rmse'].min():.3f}"
        said[title(str(family), str(variant), several)] = (
            f"{_TARGETS[protocol]} is forecast {beats} than by naive guesses: error in ln L "
            f"{own:.3f}, theirs {naive:.3f}{rival}"
        )
    return joined(said)


def of_groups(table: "pandas.DataFrame", answer: str) -> str:
    """How the largest group ends beside the smallest, at equal problems.

    Args:
        table: Late loss by ``group_size``, with its change from the least one and that's interval.
        answer: ``consistent`` or ``no`` where the interval decides.
    """
    first, last = table.iloc[0], table.iloc[-1]
    if answer not in ("consistent", "no"):
        return ""
    lower = "lower" if answer == "consistent" else "higher"
    return (
        f"at equal problems G = {last['group_size']:g} ends {lower} than G = "
        f"{first['group_size']:g}: change of the loss {_change(last)}"
    )


def of_reuse(table: "pandas.DataFrame", parts: Mapping[str, str], margin: float) -> str:
    """What the least and the most reuse cost, where that is decided.

    Args:
        table: Late loss by ``tau``, with its cost against the least one and that's interval.
        parts: What is asked of both -> ``yes``, ``no`` or ``undecided``.
        margin: What counts as no cost.
    """
    said = []
    for row, answer in zip((table.iloc[1], table.iloc[-1]), parts.values(), strict=False):
        if answer != "undecided":
            much = f"at most {margin:g}" if row["cost_high"] <= margin else f"more than {margin:g}"
            said.append(f"\u03c4 = {row['tau']:g} costs {much} of the loss: {_change(row)}")
    return "; ".join(said)


def _change(row: "pandas.Series[Any]") -> str:
    return f"{row['cost']:+.3f} [{row['cost_low']:+.3f}, {row['cost_high']:+.3f}]"


def of_ends(table: "pandas.DataFrame", answer: str) -> str:
    """Where the loss of the largest size ends beside that of the smallest, if that is told.

    Args:
        table: Final loss of one variant by size ``n``, with its interval.
        answer: ``yes`` or ``no`` where the intervals lie apart.
    """
    if answer not in ("yes", "no"):
        return ""
    first, last = table.iloc[0], table.iloc[-1]
    lower = "lower" if answer == "yes" else "higher"
    return (
        f"the largest size ends {lower} than the smallest: loss {last['value']:.3f} against "
        f"{first['value']:.3f}"
    )


def of_lengths(first: Mapping[str, Any], last: Mapping[str, Any], answer: str) -> str:
    """Whether responses of the largest size grew, if that is told.

    Args:
        first: Its first measured step, with ``step`` and ``value`` in tokens.
        last: Its last.
        answer: ``yes`` or ``no`` where the intervals lie apart.
    """
    if answer not in ("yes", "no"):
        return ""
    longer = "longer" if answer == "yes" else "shorter"
    return (
        f"responses of the largest size get {longer}: {first['value']:.3g} tokens at step "
        f"{first['step']:g}, {last['value']:.3g} at step {last['step']:g}"
    )


def of_transfer(change: "pandas.DataFrame", answer: str) -> str:
    """Whether gains carry over, if that is told.

    Args:
        change: Change of the loss by benchmark with its ``field``.
        answer: ``yes`` where losses fall within mathematics and by less beyond it.
    """
    means = change.groupby("field")["change"].mean()
    if answer != "yes":
        return ""
    return (
        "losses fall within mathematics and by less beyond it: on average "
        f"{means['mathematics']:+.3f} and {means['beyond']:+.3f}"
    )


def joined(said: Mapping[str, str]) -> str:
    """Sentences of variants as one text; what several say alike is said once."""
    told: dict[str, list[str]] = {}
    for variant, text in said.items():
        if text:
            told.setdefault(text, []).append(variant)
    if len(said) == 1 or (len(told) == 1 and len(said) == len(next(iter(told.values())))):
        return _sentence(next(iter(told), ""))
    return " ".join(_sentence(f"{' and '.join(names)}: {text}") for text, names in told.items())


def _sentence(text: str) -> str:
    """With a capital, but for a symbol (k), which has none."""
    if not text:
        return ""
    return f"{text if text[1:2] in ' :' else text[0].upper() + text[1:]}."
