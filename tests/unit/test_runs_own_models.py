"""`pretraining.per_run`: each run starts from a made model of its own."""

import pytest

from conftest import embedded_config
from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.yaml_files import load
from rlscale.study import grid, inputs, layout, settings
from rlscale.study.schema import SCHEMA, with_defaults


@pytest.fixture
def config() -> dict:
    own = embedded_config()
    own["pretraining"]["per_run"] = True
    return with_defaults(own, load(SCHEMA))


def test_a_run_has_a_model_of_its_own_and_shares_it_between_settings(config):
    first = Cell("main", "arith-25k", "base", 1, 8, 1)
    reused = Cell("main", "arith-25k", "base", 16, 8, 1)
    second = Cell("main", "arith-25k", "base", 1, 8, 2)
    assert inputs.model_of(config, first) == layout.model("arith-25k-base-run1")
    assert inputs.model_of(config, reused) == inputs.model_of(config, first)
    assert inputs.model_of(config, second) == layout.model("arith-25k-base-run2")


def test_a_tuned_model_comes_from_the_base_and_the_corpora_of_its_run(config):
    assert inputs.base_of(config, "arith-10k", "instruct-run2") == [
        layout.model("arith-10k-base-run2")
    ]
    assert inputs.corpora(config, "arith-10k", "instruct-run2") == [
        layout.corpus("fine_tuning-run2")
    ]
    config["sweeps"] = [sweep for sweep in config["sweeps"] if sweep["name"] == "instruct"]
    assert inputs.corpora_of_cells(config) == [
        layout.corpus("fine_tuning-run1"),
        layout.corpus("pretraining-run1"),
    ]


def test_runs_differ_in_their_seeds_alone(config):
    def seeds(settings):
        parts = [settings[key] for key in ("pretraining", "fine_tuning") if key in settings]
        return [part.pop("seed") for part in parts or [settings]]

    for make in (
        lambda run: settings.model(config, "arith-10k", f"instruct{run}"),
        lambda run: settings.corpus(config, f"pretraining{run}"),
    ):
        shared, first, fourth = make(""), make("-run1"), make("-run4")
        own = seeds(shared)
        assert seeds(first) == [seed + 1 for seed in own]
        assert seeds(fourth) == [seed + 4 for seed in own]
        assert shared == first == fourth


def test_pass_rates_by_a_model_that_every_run_makes_anew_are_refused(config):
    config["data"]["arithmetic"]["pass_rate"] = {"model": "arith-10k", "variant": "base"}
    with pytest.raises(StudyError, match=r"data\.arithmetic\.pass_rate: with pretraining\.per_run"):
        grid.check(config)


def test_a_model_from_elsewhere_is_that_of_all_runs(config):
    config["models"]["arith-10k"]["base"] = {"folder": "models/mine"}
    cell = Cell("main", "arith-10k", "base", 1, 8, 1)
    assert inputs.model_of(config, cell) == layout.model("arith-10k-base")


def test_a_parametrization_decides_a_made_model_where_it_is_named(config):
    """Models of studies that were made before there was one stay as they are."""
    assert "parametrization" not in settings.model(config, "arith-10k", "base-run1")["pretraining"]
    config["pretraining"]["parametrization"] = "fan_in"
    own = settings.model(config, "arith-10k", "base-run1")["pretraining"]
    assert own["parametrization"] == "fan_in"
    assert own["seed"] == config["pretraining"]["seed"] + 1
