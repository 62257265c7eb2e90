"""Names that registries know are refused by the study's check, before anything runs."""

import pytest

from rlscale.core.errors import StudyError
from rlscale.study.names import check_names

READ = {"layout": "gsm8k", "files": ["a.jsonl"]}
WRONG = {"layout": "gsm8", "files": ["a.jsonl"]}


def test_known_names_pass():
    check_names({"data": {"set": {"read": READ, "held_out": {"read": READ}}}})
    check_names({"data": {"set": {"generate": {}, "held_out": {"problems": 3}}}})
    check_names({"ingest": {"format": "verl", "files": {}}})


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"data": {"set": {"read": WRONG, "held_out": {"problems": 3}}}},
            "data.set.read.layout: unknown layout 'gsm8'; did you mean gsm8k?",
        ),
        (
            {"data": {"set": {"read": READ, "held_out": {"read": WRONG}}}},
            "data.set.held_out.read.layout: unknown layout 'gsm8'; did you mean gsm8k?",
        ),
        (
            {"ingest": {"format": "csv", "files": {}}},
            "ingest.format: unknown format 'csv'; known: table, verl, wandb, trl, tensorboard, "
            "trackio, mlflow, openrlhf, prime_rl, nemo_rl, completions, lm_eval, lighteval, "
            "evalplus",
        ),
        (
            {"fit": {"laws": ["power", "sigmod"]}},
            "fit.laws: unknown law 'sigmod'; did you mean sigmoid?",
        ),
        (
            {"forecast": {"laws": ["last_vale"]}},
            "forecast.laws: unknown law 'last_vale'; did you mean last_value?",
        ),
    ],
)
def test_unknown_names_are_sentences_with_the_key(config, sentence):
    with pytest.raises(StudyError) as error:
        check_names(config)
    assert str(error.value) == sentence
