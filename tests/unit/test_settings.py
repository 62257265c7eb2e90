"""What decides each step: a piece of the configuration that nothing else changes."""

import copy

import pytest

from conftest import ROOT, embedded_config
from rlscale.core.cell import Cell
from rlscale.core.yaml_files import load
from rlscale.study import inputs, layout, settings
from rlscale.study.schema import SCHEMA, with_defaults

CELL = Cell("main", "arith-10k", "base", tau=1, group_size=8, seed=2)
OTHER = Cell("main", "arith-25k", "base", tau=16, group_size=8, seed=1)
SET = "arithmetic"


@pytest.fixture(scope="module")
def config() -> dict:
    """The embedded study, all defaults filled in, without digests of code."""
    return with_defaults(embedded_config() | {"rerun_on_code": False}, load(SCHEMA))


def pieces(config: dict) -> dict[str, object]:
    """The pieces of some steps, by rule and name."""
    return {
        "make_benchmark": settings.benchmark(config, "longer_sums"),
        "prepare_set": settings.data_set(config, SET),
        "make_variant": settings.variant(config, SET, "main", 4),
        "make_corpus": settings.corpus(config, "pretraining"),
        "tune_corpus": settings.corpus(config, "fine_tuning"),
        "make_model": settings.model(config, "arith-10k", "base"),
        "tune_model": settings.model(config, "arith-10k", "instruct"),
        "train_cell": settings.training(config, CELL),
        "train_other": settings.training(config, OTHER),
        "evaluate_cell": settings.evaluation(config, CELL),
        "make_curve": settings.curve(config, CELL),
        "fit_law": settings.fit(config, "power"),
        "split_curves": settings.forecast(config, "inter"),
        "recommend": settings.recommendation(config),
        "check_results": settings.checks(config),
        "plot": settings.figures(config),
    }


@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        ("resources.default.mem_mb", 9999, set()),
        ("training.save_state_minutes", 1, set()),
        ("evaluation.machine.max_num_seqs", 7, set()),
        ("fit.laws", ["power"], set()),
        ("benchmarks.longer_sums.seed", 99, {"make_benchmark"}),
        ("benchmarks.longer_sums.samples", 9, {"evaluate_cell"}),
        ("evaluation.seed", 12, {"evaluate_cell"}),
        ("evaluation.temperature", 0.5, {"evaluate_cell", "make_curve"}),
        ("pretraining.seed", 12, {"make_corpus", "make_model", "tune_model"}),
        ("fine_tuning.seed", 12, {"tune_corpus", "tune_model"}),
        ("fine_tuning.wrong_answers", 0.1, {"tune_corpus"}),
        ("fine_tuning.learning_rate", 0.1, {"tune_model"}),
        ("figures.palette", "cividis", {"plot"}),
        ("figures.allow_missing", True, {"check_results"}),
        ("fit.margin", 0.5, {"recommend", "plot"}),
        ("fit.weighting", "equal", {"fit_law", "split_curves", "recommend"}),
        ("forecast.protocols.inter.held_out_sizes", 2, {"split_curves"}),
        (
            "training.overrides",
            [{"match": {"seed": 2}, "set": {"learning_rate": 1e-5}}],
            {"train_cell", "make_curve"},
        ),
    ],
)
def test_a_change_reaches_the_steps_that_it_decides_and_no_other(config, path, value, changed):
    edited = copy.deepcopy(config)
    *sections, key = path.split(".")
    place = edited
    for section in sections:
        place = place[section]
    place[key] = value
    before, after = pieces(config), pieces(edited)
    assert {rule for rule in before if before[rule] != after[rule]} == changed


def test_code_counts_where_the_study_asks_for_it(config):
    asking = config | {"rerun_on_code": True}
    assert settings.training(config, CELL)["code"] == ""
    digests = {settings.fit(asking, law)["code"] for law in ("power", "floor")}
    assert len(digests) == 2
    assert "" not in digests


def test_a_variant_knows_all_tau_of_its_recipe(config):
    assert settings.variant(config, SET, "main", 16)["taus"] == [1, 16, 64]
    assert settings.variant(config, SET, "main", 2)["taus"] == [1, 2, 16, 64]


def test_tuned_models_learn_from_their_own_writers_who_by_default_make_no_errors():
    careless = {"share": 0.3, "wrong_answers": 0.9, "mark": "~"}
    for own, expected in (
        ({}, (0.0, {"share": 0.0, "wrong_answers": 0.0, "mark": ""})),
        ({"wrong_answers": 0.1, "careless": careless}, (0.1, careless)),
    ):
        config = embedded_config()
        for key in ("wrong_answers", "careless"):
            config["fine_tuning"].pop(key, None)
        config["fine_tuning"] |= own
        corpus = settings.corpus(with_defaults(config, load(SCHEMA)), "fine_tuning")
        assert (corpus["wrong_answers"], corpus["careless"]) == expected


def test_what_stands_in_every_figure_leaves_out_what_sizes_jobs(config):
    assert settings.whole(config) == settings.whole(config | {"resources": {}})
    assert settings.whole(config) != settings.whole(config | {"study": "another"})


def test_a_study_of_curves_made_elsewhere_has_no_tables_of_cells():
    published = with_defaults(load(ROOT / "config/published.yaml"), load(SCHEMA))
    assert inputs.of_cells(published, layout.OUTCOMES) == []
    assert len(inputs.fits(published)) == len({*inputs.fits(published)}) > 1


def test_held_out_problems_are_the_data_sets_own(config):
    found = inputs.problems_of(config, CELL)
    assert found["held_out"] == layout.data_set(SET)
    assert found["longer_sums"] == layout.benchmark("longer_sums")


def test_a_figure_reads_the_tables_that_its_patterns_name(config):
    from rlscale.report.figures.registry import all_figures

    tables = inputs.figure_tables(config, all_figures()["fig_ledger"])
    assert set(tables.values()) == {layout.LEDGER, layout.TIMINGS}
