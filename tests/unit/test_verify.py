"""The judge: four outcomes, unusable golds, and answers that would hang math-verify."""

import threading
import time

import pytest
from answer_cases import KNOWN_MISSES, rows

from rlscale.core.errors import StudyError
from rlscale.judging import verify


@pytest.mark.parametrize(
    ("text", "gold", "outcome"),
    [
        ("40", "40", "correct"),
        (" -3\n", "-3", "correct"),
        ("41", "40", "wrong"),
        ("040", "40", "wrong"),
        ("", "40", "unparsed"),
        ("4+", "40", "unparsed"),
        ("Anna", "Bob", "wrong"),
        ("anything", " ", None),
    ],
)
def test_exact_outcomes(text, gold, outcome):
    assert verify.judge("exact", [text], [gold]) == [outcome]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{1}, no: \boxed{2}", "2"),
        (r"\boxed{7} as asked within \boxed{}", "7"),
        (r"\boxed{7} and \boxed{8", "7"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\fbox{1}", None),
        ("the answer is 7", None),
    ],
)
def test_last_complete_box(text, answer):
    assert verify.boxed(text) == answer


def test_math_outcomes_in_order_with_repeats():
    cases = [
        (r"\boxed{0.5}", r"\frac{1}{2}", "correct"),
        (r"\boxed{3}", r"\frac{1}{2}", "wrong"),
        ("half", r"\frac{1}{2}", "unparsed"),
        (r"\boxed{?!}", r"\frac{1}{2}", "unparsed"),
        (r"\boxed{\text{Evelyn}}", r"\text{Evelyn}", "correct"),
        (r"\boxed{\text{Debra}}", r"\text{Evelyn}", "wrong"),
        (r"\boxed{1}", "", None),
        (r"\boxed{0.5}", r"\frac{1}{2}", "correct"),
    ]
    texts, golds, outcomes = map(list, zip(*cases, strict=True))
    assert verify.judge("math", texts, golds) == outcomes
    assert verify.judge("math", texts, golds, workers=2) == outcomes


def test_an_endless_answer_times_out_off_the_main_thread_and_spares_its_neighbours():
    texts = [r"\boxed{1}", r"\boxed{9^{9^{9^{9}}}}", r"\boxed{\sum_{k=1}^{9^{8}} k!}", r"\boxed{2}"]
    result = []
    started = time.monotonic()
    thread = threading.Thread(
        target=lambda: result.extend(verify.judge("math", texts, ["1"] * 4, deadline=1.0))
    )
    thread.start()
    thread.join()
    assert (result[0], result[3]) == ("correct", "wrong")
    assert "timeout" in result[1:3]
    assert "correct" not in result[1:3]
    assert time.monotonic() - started < 60


def test_a_gold_that_cannot_be_judged_is_not_the_models_fault():
    texts, golds = [r"\boxed{1}", r"\boxed{1}"], ["9^{9^{9^{9}}}", "1"]
    assert verify.judge("math", texts, golds, deadline=1.0) == [None, "correct"]


def test_unknown_kind_is_named():
    with pytest.raises(StudyError, match="'maths' is unknown"):
        verify.judge("maths", [], [])


def test_formatting_variants_are_judged_as_the_table_says():
    cases = rows()
    assert len(cases) >= 150
    assert {outcome for _, _, outcome in cases} == {"correct", "wrong", "unparsed"}
    golds, texts, wanted = zip(*cases, strict=True)
    judged = verify.judge("math", texts, golds)
    misses = [
        (gold, text)
        for gold, text, outcome, got in zip(golds, texts, wanted, judged, strict=True)
        if outcome != got
    ]
    assert misses == [(gold, rf"The answer is \boxed{{{case}}}.") for gold, case in KNOWN_MISSES]


def test_side_by_side_with_math_verify_and_trl_on_the_same_table():
    cases = rows()
    wanted = [outcome == "correct" for _, _, outcome in cases]
    ours = verify.judge("math", [text for _, text, _ in cases], [gold for gold, _, _ in cases])
    errors = {"rlscale": sum((a == "correct") != b for a, b in zip(ours, wanted, strict=True))}
    errors |= peer_errors(cases, wanted)
    assert errors["rlscale"] <= min(errors["math_verify"], errors["trl"])


def peer_errors(cases, wanted):
    """Errors of math-verify's defaults and of TRL's reward; golds in dollars, as both want them."""
    import math_verify
    from trl.rewards import accuracy_reward

    golds = [f"${gold}$" for gold, _, _ in cases]
    texts = [text for _, text, _ in cases]
    plain = [
        math_verify.verify(math_verify.parse(gold), math_verify.parse(text))
        for gold, text in zip(golds, texts, strict=True)
    ]
    trl = accuracy_reward([[{"content": text}] for text in texts], golds)
    return {
        name: sum(bool(a) != b for a, b in zip(given, wanted, strict=True))
        for name, given in (("math_verify", plain), ("trl", trl))
    }
