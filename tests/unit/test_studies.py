"""What DVC is told of a study: who makes what, who reads what."""

from rlscale.study.folder import CONFIG
from rlscale.study.new_study import dvc_yaml

CONFIG_KEYS = {"study": "s", "data": {"sums": {}}, "models": {}, "pretraining": {}, "fit": {}}
DATA = ["results/data/sums/manifest.json"]
MODELS = ["results/models/small-base/manifest.json"]


def stages(config, **outputs):
    """The stages of a study whose phases make these files."""
    rest = dict.fromkeys(("cells", "fits", "figures"), ())
    return dvc_yaml(config, {**rest, **outputs}, [])["stages"]


def outs(stage):
    return [path for out in stage["outs"] for path in out]


def test_a_model_that_measures_pass_rates_is_an_output_of_the_models_phase_alone():
    plain = stages(CONFIG_KEYS, data=DATA, models=DATA + MODELS)
    assert plain["data"]["params"] == [{CONFIG: ["study", "data", "pretraining"]}]
    config = {**CONFIG_KEYS, "data": {"sums": {"pass_rate": {"model": "small"}}}}
    measured = stages(config, data=DATA + MODELS, models=DATA + MODELS)
    for made in (plain, measured):
        assert outs(made["data"]) == ["results/data"]
        assert outs(made["models"]) == ["checkpoints/models", "results/models"]
    # Another model gives other pass rates: its keys are read by the phase that measures them.
    keys = ["study", "data", "pretraining", "models"]
    assert measured["data"]["params"] == measured["models"]["params"] == [{CONFIG: keys}]
