"""What a study will not say, said before it runs: memory not judged, laws without enough sizes."""

import json

import pytest

from conftest import ROOT
from rlscale.core.yaml_files import load
from rlscale.study.check import show
from rlscale.study.foreseen import notes
from rlscale.study.plan import plan_page, plan_study
from rlscale.study.schema import SCHEMA, with_defaults


@pytest.fixture
def card() -> dict:
    """Three sizes on a card of 24 GB, whose shapes are said."""
    return with_defaults(load(ROOT / "config" / "card_24gb.yaml"), load(SCHEMA))


def test_a_study_whose_card_and_sizes_are_enough_has_no_notes(card):
    assert notes(card) == []
    assert "Before it runs" not in plan_page(plan_study(card), card)


def test_memory_that_is_not_judged_is_said_with_the_key_that_would_let_it(card):
    del card["models"]["qwen2.5-3b"]["architecture"]
    (said,) = notes(card)
    assert said.startswith("memory of qwen2.5-3b is not judged against resources.plan.device_gib")
    assert "models.qwen2.5-3b.architecture" in said
    assert said in plan_page(plan_study(card), card)
    del card["resources"]["plan"]["device_gib"]
    (said,) = notes(card)
    assert said.startswith("resources.plan.device_gib is not said")
    card["resources"]["default"]["gpus"] = 0  # no GPU, nothing to hold it against
    assert notes(card) == []


def test_two_sizes_are_too_few_for_a_law_over_sizes_before_any_hour_is_spent(card):
    card["sweeps"][0]["model"].pop()
    (said,) = notes(card)
    assert said.startswith("no law over sizes will be fitted to qwen2.5 instruct: saturating, ")
    assert "need 3 sizes, and fit.select leaves 2 (sweeps' model: qwen2.5-0.5b, " in said
    assert said in plan_page(plan_study(card), card)
    card["fit"]["laws"] = ["free_slopes"]  # shares nothing between sizes
    assert notes(card) == []


def test_sizes_are_those_of_what_is_selected(card):
    card["fit"]["select"] = {"model": ["qwen2.5-3b"]}
    assert "fit.select leaves 1 (sweeps' model: qwen2.5-3b)" in notes(card)[0]
    card["fit"]["select"] = {"step": [10]}  # what is left is known when it is measured
    assert notes(card) == []


def test_the_command_says_them_and_still_lets_the_study_run(tmp_path, capsys):
    path = tmp_path / "study.yaml"
    text = (ROOT / "config" / "card_24gb.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("qwen2.5-1.5b, qwen2.5-3b]", "qwen2.5-1.5b]"), encoding="utf-8")
    assert show(path, as_json=False) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2].startswith("note: no law over sizes will be fitted")
    assert printed[-1] == f"{path}: this study can run"
    assert show(path, as_json=True) == 0
    (said,) = json.loads(capsys.readouterr().out)["notes"]
    assert f"note: {said}" == printed[-2]
