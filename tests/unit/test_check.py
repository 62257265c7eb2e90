"""`rlscale check`: typical mistakes in a configuration, each refused by one sentence."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from rlscale.cli.main import main
from rlscale.core.errors import StudyError
from rlscale.core.yaml_files import load
from rlscale.study.check import absent_files, findings, one_setting, refuse
from rlscale.study.schema import SCHEMA, with_defaults

ROOT = Path(__file__).parents[2]
EMBEDDED = load(ROOT / "config/config.yaml")
GONE = "(removed)"


def changed(path: str, value: object) -> dict:
    """The embedded study with one key set, or removed."""
    config = copy.deepcopy(EMBEDDED)
    place = config
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for key in parents:
        place = place[key]
    if value == GONE:
        del place[last]
    else:
        place[last] = value
    return config


MISTAKES = [
    ("recipez", {}, "recipez: unknown key; did you mean recipes?"),
    ("study", GONE, "the key 'study' is missing"),
    ("recipes/main/prompt_per_step", 3, "did you mean prompts_per_step"),
    ("recipes/main/steps", "64", "'64' is not a whole number; write it without quotes"),
    ("recipes/main/grpo/learning_rate", "1e-4", "1.0e-4 for 1e-4"),
    ("recipes/main/steps", -4, "less than the minimum of 1"),
    ("recipes/main/grpo/bta", 0.1, "grpo.bta: TRL knows no such setting; did you mean beta"),
    ("recipes/main/grpo/max_steps", 9, "follows from other keys of the study; remove it"),
    ("models/arith-10k/base", {"hub": "a/b"}, "'hub' needs the key 'revision' beside it"),
    ("models/arith-10k/base", {"hub": "a/b", "revision": "0" * 40, "folder": "x"},
     "exactly one of made, hub, folder is needed; not both of hub and folder"),
    ("sweeps/0/seed", [1, 1, 2], "sweeps.0.seed: 1 is listed twice"),
    ("sweeps/1/name", "size", "the name 'size' is given twice"),
    ("sweeps/0/model", ["arith-11k"], "unknown model 'arith-11k'; did you mean arith-10k"),
    ("sweeps/1/variant", ["chat"], "'chat' is none of the allowed values"),
    ("benchmarks/gsm9k", {"samples": 1}, "unknown benchmark 'gsm9k'; did you mean gsm8k?"),
    ("training/overrides", [{"match": {"seed": 99}, "set": {"learning_rate": 1e-4}}],
     "no cell of the sweeps is meant by {'seed': 99}"),
    ("training/overrides", [{"match": {"seed": 1}, "set": {"learnrate": 1e-4}}],
     "neither a recipe's key nor one of TRL's; did you mean learning_rate?"),
    ("pretraining", GONE, "pretraining: missing; models.arith-10k.base is made here"),
    ("pretraining/unseen", ["longer_sum"], "no benchmark 'longer_sum'; did you mean longer_sums"),
    ("pretraining/unseen", ["held_out"], "'held_out': held-out problems are never learnt"),
    ("resources/models", {"arith-01k": {"mem_mb": 900}}, "no such model; did you mean arith-10k"),
    ("fit/benchmark", "heldout", "no benchmark 'heldout'; did you mean held_out?"),
    ("fit/metrics", ["pass_at_10"], "fit.metrics: pass_at_10 needs 10 samples of a problem, not"),
    ("fit/metrics", ["pass_at_3"], "fit.metrics: 'pass_at_3' is neither loss nor a benchmark"),
    ("fit/metrics", ["longer_sum"], "fit.metrics: 'longer_sum' is neither loss nor a benchmark"),
    ("fit/select", {"taus": 1}, "fit.select.taus: not a column of curves.csv; did you mean tau"),
    ("fit/select/tau", 2, "no cell has tau [2]; the sweeps have 1, 16, 64"),
    ("fit/laws", ["saturated"], "did you mean saturating?"),
    ("forecast/protocols/inter/held_out_sizes", 5, "5 of 5 selected sizes leave none"),
    ("evaluation/suites", {"all": {"longer_sum": 1}}, "no benchmark 'longer_sum'"),
    ("evaluation/top_up", [{"match": {"benchmark": "heldout"}, "samples": 9}], "held_out?"),
    ("evaluation/top_up", [{"match": {"step": 3}, "samples": 9}],
     "match.step: 3 is no checkpoint of these cells, which keep 0, "),
    ("evaluation/top_up", [{"match": {"seed": 99}, "samples": 9}],
     "evaluation.top_up.0: no cell of the sweeps is meant by {'seed': 99}"),
    ("data/arithmetic/strata", {"hard": 0.5}, "data.arithmetic.strata: none begins at 0"),
    ("evaluation/max_tokens", 64, "64 tokens do not fit into the context of arith-10k, 64"),
    ("recipes/main/grpo", {"learning_rat": 1e-4}, "is missing; 'learning_rat' stands"),
    ("recipes/main/grpo/loss_type", "grpo2", "TRL knows no loss 'grpo2'; did you mean grpo"),
    ("recipes/main/grpo/temperature", [1.0], "[1.0] is not what TRL takes there (float)"),
    ("recipes/main/prompt/template", "Solve this", "does not hold {problem}"),
    ("models/arith-10k/base/made/num_attention_heads", 3, "3 heads do not divide hidden_size = 32"),
    ("models/arith-10k/base", {"hub": "a/b", "revision": "main"}, "is not a commit of 40"),
    ("models/arith 10k", {"family": "a"}, "letters and digits, between which . _ - may stand"),
    ("benchmarks/gsm8k", {"samples": 1}, "benchmarks.gsm8k: the key 'path' is missing"),
    ("data/arithmetic/held_out/problems", 0, "problems: 0 is less than the minimum of 1"),
    ("data/arithmetic/generate/levels/four_terms/skill", "largest",
     "level 'four_terms': 1150 problems are asked of a space of 10000; at most 1000"),
    ("data/arithmetic/held_out/problems", 600, "4600 problems are drawn, but 600 are held out"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "said"), MISTAKES, ids=lambda one: str(one)[:40])
def test_a_mistake_is_refused_by_a_sentence(path, value, said):
    found = findings(changed(path, value), load(SCHEMA))
    assert any(said in sentence for sentence in found), found
    assert len(found) <= 2
    assert all(len(sentence) < 250 and "\n" not in sentence for sentence in found)


def test_a_larger_tau_asks_for_as_many_problems():
    """As `data.repeat` does; before, a study of tau = 16 alone passed and stopped at its data."""
    config = changed("data/arithmetic/held_out/problems", 600)
    config["sweeps"] = [{**config["sweeps"][0], "tau": [16]}]
    config["fit"]["select"] = {}
    assert any("first 4096" in sentence for sentence in findings(config, load(SCHEMA)))


@pytest.mark.parametrize("config", ["config", "paper", "published"])
def test_our_own_configurations_have_none(config):
    assert findings(load(ROOT / f"config/{config}.yaml"), load(SCHEMA)) == []


@pytest.mark.parametrize(
    ("fit", "asked"),
    [
        ({"select": {"tau": 1, "group_size": 8}}, None),
        (
            {"select": {"tau": [1, 2], "group_size": 8}},
            "tau (1, 2); choose one with fit.select.tau",
        ),
        ({"select": {}}, "fit.select.tau"),
        ({"select": {"tau": 1}}, "(4, 8); choose one with fit.select.group_size"),
        ({"select": {"tau": 1, "step": [1, 2]}}, None),  # which cells have those is not known yet
        ({"select": {"model": "a", "group_size": 8}, "size": "tau"}, None),
        (
            {"select": {"group_size": 8}, "size": "tau"},
            "model (a, b); choose one with fit.select.mo",
        ),
    ],
)
def test_a_fit_is_of_one_setting_before_anything_trains_as_after(fit, asked):
    config = {
        "models": {"a": {"family": "f"}, "b": {"family": "f"}},
        "sweeps": [
            {"recipe": "main", "model": ["a", "b"], "variant": ["base", "instruct"],
             "tau": [1, 2], "group_size": [4, 8], "seed": [1, 2]}
        ],
        "fit": {"size": "n_params", **fit},
    }  # fmt: skip
    said = list(one_setting(config))
    assert len(said) == (asked is not None)
    assert all(asked in sentence for sentence in said)


@pytest.mark.parametrize("empty", [None, {}, "study", []])
def test_an_empty_file_is_said_to_be_one(empty):
    assert findings(empty, load(SCHEMA))[0].startswith("the configuration is empty")


def test_all_mistakes_are_said_at_once():
    config = changed("recipes/main/steps", "64")
    config["figures"]["palette"] = "rainbow"
    config["sweep"] = []
    with pytest.raises(StudyError, match="3 mistakes in the configuration:\n") as error:
        refuse(config, [])
    assert len(str(error.value).splitlines()) == 4


def test_files_that_are_not_here_are_named_and_refuse_nothing():
    config = changed("models/arith-10k/base", {"folder": "models/none"})
    config["benchmarks"]["gsm8k"] = {"samples": 1, "path": "raw/gsm8k.parquet"}
    assert findings(config, load(SCHEMA)) == []
    assert absent_files(config) == [
        "benchmarks.gsm8k.path: raw/gsm8k.parquet is not here",
        "models.arith-10k.base.folder: models/none is not here",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study: a\nfit:\n  level: 0.9\n  robust: true\n  level: 0.8\n", "line 5: the key 'level'"),
        ("study: a\n\tfit: 1\n", "line 2: not YAML"),
        ("study: 'caf\xe9'\n", "not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_line(tmp_path, text, said):
    path = tmp_path / "study.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(StudyError, match=said):
        load(path)


def test_merged_sections_may_give_a_key_again(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n")
    assert load(path)["b"] == {"x": 3, "y": 2}


def test_defaults_are_those_that_snakemake_fills_in():
    from snakemake.utils import validate

    theirs = copy.deepcopy(EMBEDDED)
    validate(theirs, str(SCHEMA))
    assert with_defaults(EMBEDDED, load(SCHEMA)) == theirs


def test_the_command_says_it_and_its_exit_status_means_it(tmp_path, monkeypatch, capsys):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(changed("fit/laws", ["saturated"])))
    for arguments, status in (([str(path), "--json"], 1), ([str(ROOT / "config/config.yaml")], 0)):
        monkeypatch.setattr("sys.argv", ["rlscale", "check", *arguments])
        try:
            main()
            ended = 0
        except SystemExit as end:
            ended = end.code
        assert ended == status
    said = capsys.readouterr().out
    assert "this study can run" in said
    assert json.loads(said[: said.rindex("}") + 1])["mistakes"][0].startswith("fit.laws")
