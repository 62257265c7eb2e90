"""What was found of a group, in verdicts and in words."""

from rlscale.laws.backtest import judge_forecasts
from rlscale.laws.bends import Bends
from rlscale.laws.identification import SHARE, Identification
from rlscale.laws.law import Fit, Law, names_of
from rlscale.laws.results import FitResult, Verdicts

_ALARM = 0.05  # Chance of calling straight curves bent, or a law that holds missed.


def verdicts_of(
    result: FitResult, found: Identification | None, bent: Bends, fit: Fit, *, replicated: bool
) -> Verdicts:
    """The verdicts on a group, in a word each."""
    rises = "undecided"
    ends = result.contrast.difference.intervals.get(result.scope) if result.contrast else None
    if not replicated or ends is None or ends.low is None or ends.high is None:
        rises = "no_replicates"
    elif ends.low > 0:
        rises = "yes"
    elif ends.high < 0:
        rises = "no"
    saturates = found.verdict if found else "not_asked"
    return Verdicts(
        rises=rises,
        saturates=saturates if replicated or not found else "no_replicates",
        bends=said_to_bend(bent),
        forecasts=judge_forecasts(fit),
    )


def said_to_bend(bent: Bends) -> str:
    """Whether curves bend in log-log: ``yes``, ``no``, or ``no_replicates`` to tell by."""
    if bent.p_straight is None:
        return "no_replicates"
    return "yes" if bent.p_straight < _ALARM else "no"


def in_words(result: FitResult, found: Identification | None, bent: Bends, law: Law) -> str:
    """Parameters and verdicts of a group, in sentences."""
    sentences = []
    if result.status not in ("ok", "not_identified"):
        sentences.append(f"{result.reason.capitalize()}.")
    for name, value in result.parameters.items():
        ends = value.intervals.get(result.scope)
        text = f"{name} = {value.estimate:.4g}"
        if ends and ends.status == "ok":
            low, high = ("open" if e is None else format(e, ".3g") for e in (ends.low, ends.high))
            text += f" [{low}, {high}]"
        sentences.append(f"{text}.")
    verdicts = result.verdicts
    assert verdicts is not None
    if found:
        sentences += _finding(found, verdicts, law)
    if verdicts.bends == "yes" and found:
        sentences.append(
            f"The curves bend in log-log ({bent.words}): one slope per size "
            f"depends on the window of steps, and so do {contestants(law)[0]}; k at larger sizes "
            "holds what each third of the run says."
        )
    if result.contrast and result.scope != "none":
        sentences.append(f"Slopes: {result.contrast.verdict}.")
    return " ".join(sentences)


def _finding(found: Identification, verdicts: Verdicts, law: Law) -> list[str]:
    """What is to be said of the law against its rival, and of its misfit."""
    told, rival = contestants(law)
    better, apart = found.delta_aic > 0, _aic(found)
    opened = "; the interval of the shape is open" if None in (found.low, found.high) else ""
    sentences = [
        {
            "identified": f"These data identify {told}: {rival} fits worse by {apart}.",
            "not_identified": f"These data do not identify {told}: {rival} fits "
            f"{'worse' if better else 'better'} by {apart}. With sizes that may scatter about "
            f"either, {found.mixture.share(0):.0%} of the weight is on the law and "
            f"{found.mixture.share(1):.0%} on its rival; {SHARE:.0%} would decide{opened}.",
            "power": f"{rival[0].upper()}{rival[1:]} fits better, by {apart}: no saturation is "
            "seen.",
            "no_replicates": f"One run per size: whether {told} are identified is not judged.",
        }[verdicts.saturates]
    ]
    if found.p_misfit < _ALARM:
        sentences.append(
            f"The slopes miss the law by more than their errors (Q = {found.misfit:.1f} on "
            f"{found.misfit_freedom} degrees of freedom, p = {found.p_misfit:.2g}); if sizes "
            f"scatter about it by {found.mixture.scatter:.0%}, the law has "
            f"{found.mixture.share(0):.0%} of the weight against its rival."
        )
    return sentences


def _aic(found: Identification) -> str:
    """The difference that is judged, and how it comes from the plain one."""
    plain = abs(found.delta_aic)
    if found.inflation <= 1:
        return f"{plain:.1f} AIC"
    return (
        f"{plain / found.inflation:.1f} AIC (delta_aic {plain:.1f}, divided by "
        f"{found.inflation:.1f} as the better one's misfit is {found.inflation:.1f} times what "
        "errors explain)"
    )


def contestants(law: Law) -> tuple[str, str]:
    """The parameters that are in question, and the rival, in words."""
    contest = law.contest()
    assert contest is not None
    return " and ".join(names_of(contest[0].parameters)), contest[1].words
