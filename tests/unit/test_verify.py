"""The judge: four outcomes, unusable golds, and answers that would hang math-verify."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from answer_cases import rows
from cpu_time import least_seconds

import rlscale
from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry
from rlscale.judging import verifiers
from rlscale.judging.boxes import boxed
from rlscale.judging.verifiers import VERIFIERS, judge, verify


def outcomes_of(texts, golds, **limits):
    return [verdict.outcome for verdict in judge(texts, golds, "math", **limits)]


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
    assert verify(text, gold, "exact").outcome == outcome


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{1}, no: \boxed{2}", "2"),
        (r"\boxed{7} as asked within \boxed{}", "7"),
        (r"\boxed{7} and \boxed{8", None),
        (r"\boxed{7 and \boxed{8}", "8"),
        (r"\boxed{\boxed{7} + 1}", r"\boxed{7} + 1"),
        (r"}} \boxed{7}", "7"),
        (r"{ \boxed{7}", "7"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\fbox{1}", None),
        ("the answer is 7", None),
    ],
)
def test_last_complete_box(text, answer):
    assert boxed(text) == answer


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
    assert outcomes_of(texts, golds) == outcomes
    assert outcomes_of(texts, golds, workers=2) == outcomes


def test_an_endless_answer_is_never_right_and_spares_its_neighbours_off_the_main_thread():
    texts = [r"\boxed{1}", r"\boxed{9^{9^{9^{9}}}}", r"\boxed{(9^{9^6})!}", r"\boxed{2}"]
    result = []
    started = time.monotonic()
    thread = threading.Thread(
        target=lambda: result.extend(outcomes_of(texts, ["1"] * 4, deadline=1.0))
    )
    thread.start()
    thread.join()
    assert result == ["correct", "unparsed", "unparsed", "wrong"]
    assert time.monotonic() - started < 60


def test_a_gold_that_cannot_be_judged_is_not_the_models_fault():
    texts, golds = [r"\boxed{1}", r"\boxed{1}"], ["9^{9^{9^{9}}}", "1"]
    assert outcomes_of(texts, golds, deadline=1.0) == [None, "correct"]


def test_unknown_kind_is_named():
    with pytest.raises(StudyError, match="unknown verifier 'maths'; did you mean math"):
        judge([], [], "maths")


def test_formatting_variants_are_judged_as_the_table_says():
    cases = rows()
    assert len(cases) >= 150
    assert {outcome for _, _, outcome in cases} == {"correct", "wrong", "unparsed"}
    golds, texts, wanted = zip(*cases, strict=True)
    judged = outcomes_of(texts, golds)
    misses = [
        (gold, text)
        for gold, text, outcome, got in zip(golds, texts, wanted, judged, strict=True)
        if outcome != got
    ]
    assert misses == []


@pytest.mark.slow
def test_side_by_side_with_math_verify_and_trl_on_the_same_table():
    cases = rows()
    wanted = [outcome == "correct" for _, _, outcome in cases]
    ours = outcomes_of([text for _, text, _ in cases], [gold for gold, _, _ in cases])
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


def test_extraction_takes_time_linear_in_the_response():
    def seconds(count):
        texts = [r"\boxed{" * count, r"\boxed{x" * count + "}" * count, r"\boxed{}" * count]
        return least_seconds(lambda: [boxed(text) for text in texts])

    assert seconds(40_000) < 8 * seconds(10_000)


def test_the_judge_is_public_and_its_verdicts_are_typed():
    verdict = rlscale.verify("It is 7.", "7", kind="number")
    assert verdict == rlscale.Verdict("correct", "7")
    assert rlscale.judge(["", "8"], ["7", "7"], "number") == [
        rlscale.Verdict("unparsed", None, "no answer in the response"),
        rlscale.Verdict("wrong", "8"),
    ]
    assert {"judge", "verify", "Verdict"} <= set(dir(rlscale))
    with pytest.raises(AttributeError, match="no attribute 'verified'"):
        rlscale.verified  # noqa: B018


def test_judging_needs_no_model_library():
    script = (
        "import sys, rlscale\n"
        "assert rlscale.verify('7', '7', kind='exact').outcome == 'correct'\n"
        "heavy = {'torch', 'transformers', 'pandas', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


class Roman:
    """A verifier of another package: numerals to three."""

    pooled = True
    packages = ()

    def extract(self, response, gold):
        return response.split()[-1] if response.split() else None

    def respond(self, answer):
        return answer

    def usable(self, gold):
        return gold in ("I", "II", "III")

    def compare(self, answer, gold):
        if answer == "loop":
            while True:
                pass
        if answer == "hoard":
            [bytearray(1 << 30) for _ in range(64)]
        return rlscale.Verdict("correct" if answer == gold else "wrong", answer)


ROMAN = Roman()


def test_a_verifier_of_another_package_is_judged_under_the_same_limits(tmp_path, monkeypatch):
    info = tmp_path / "roman-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: roman\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[rlscale.verifiers]\nroman = test_verify:ROMAN\n")
    monkeypatch.syspath_prepend(tmp_path)
    paths = [str(tmp_path), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    own = {name: f"{VERIFIERS.module(name)}:{name.upper()}" for name in ("exact", "number")}
    registry = Registry("verifier", "rlscale.verifiers", own)
    monkeypatch.setattr(verifiers, "VERIFIERS", registry)
    texts = ["It is II", "It is III", "loop", "hoard", "", "II"]
    golds = ["II", "II", "II", "II", "II", "IV"]
    outcomes = [v.outcome for v in judge(texts, golds, "roman", deadline=0.5)]
    assert outcomes == ["correct", "wrong", "timeout", "timeout", "unparsed", None]
