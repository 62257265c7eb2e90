"""The public API: what `import rlscale` gives, a law from outside, results as JSON."""

import doctest
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from curve_tables import K_MAX, exact_slope, straight_curves

import rlscale
from rlscale.answers import api
from rlscale.core.errors import StudyError
from rlscale.laws import registry
from rlscale.laws.law import Law, Parameter
from rlscale.laws.results import StudyFit
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.straight import SlopeLaw
from rlscale.laws.study import Sources, fit_study, rounded

ROOT = Path(__file__).parents[2]
FIT = {"weighting": "equal", "bootstrap": {"replicates": 200}}


class Levelling(SlopeLaw):
    """k(N) = k_top tanh((N / N_t)^(1/2)): a law of another package."""

    name = "levelling"
    equation = "log L = E(N) - k_top tanh((N/N_t)^(1/2)) log x"
    words = "a levelling one"
    parameters = (Parameter("k_top", "$k_t$"), Parameter("N_t", "$N_t$", "size"))

    def shape_bounds(self, n):
        return float(np.log(n.min() / 100)), float(np.log(n.max() * 100))

    def shape(self, n, s, largest):
        v = np.sqrt(n / np.exp(s[..., None]))
        g = np.tanh(v)
        return g, -(1 - g**2) * v / 2

    def report(self, scale, s):
        return {"k_top": scale, "N_t": np.exp(s)}


class Half(SlopeLaw):
    """A law that lacks most of what is asked."""

    name = "half"


@pytest.fixture
def outside(monkeypatch):
    """Two laws of another package, through its entry points."""
    from importlib.metadata import EntryPoint

    from rlscale.core import registry as registries

    points = [
        EntryPoint(name=law.name, value=f"{__name__}:{law.__name__}", group="rlscale.laws")
        for law in (Levelling, Half)
    ]
    monkeypatch.setattr(registries, "entry_points", lambda group: points)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    registry.LAWS.__dict__.pop("_targets", None)
    yield
    registry.LAWS.__dict__.pop("_targets", None)


def test_the_examples_of_the_api_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(api, raise_on_error=False)
    assert found.attempted > 8
    assert found.failed == 0


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, rlscale; print(sorted({'pandas', 'numpy', 'torch'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [name for name in dir(rlscale) if not name.startswith("_")])
def test_every_public_name_is_there(name):
    assert getattr(rlscale, name) is not None


def test_a_law_from_outside_is_fitted_forecast_and_ranked(outside):
    curves = straight_curves(0.005, runs=2)
    (result,) = rlscale.fit(curves, law="levelling", **FIT)
    assert result.status == "ok"
    top = result.parameters["k_top"]
    assert top.intervals["fixed"].low < top.estimate < top.intervals["fixed"].high
    scores = rlscale.forecast(curves, rlscale.Split("intra"), ["levelling", "constant"], **FIT)
    best = scores.table[scores.table["model"] == "all"].iloc[0]
    assert best["law"] == "levelling"
    assert best["skill_constant"] > 0.5


def test_a_law_from_outside_says_how_many_sizes_it_needs(outside):
    curves = straight_curves(runs=2)
    two = curves[curves["model"].isin(["1b", "3b"])]
    (result,) = rlscale.fit(two, law="levelling", **FIT)
    assert (result.status, result.reason) == (
        "too_few_sizes", "2 size(s); levelling needs at least 3",
    )  # fmt: skip


def test_a_law_that_lacks_something_is_refused_with_what_it_lacks(outside):
    message = r"the law 'half' of .*test_api lacks report, shape, shape_bounds, equation, words"
    with pytest.raises(StudyError, match=message):
        rlscale.fit(straight_curves(), law="half", **FIT)


def test_an_unknown_law_is_refused_with_near_names():
    with pytest.raises(StudyError, match="unknown law 'satuating'; did you mean saturating"):
        rlscale.fit(straight_curves(), law="satuating", **FIT)


def test_every_law_of_the_registry_is_whole():
    for name in registry.LAWS.names():
        assert isinstance(registry.law_named(name), Law)


@pytest.mark.parametrize("law", ["saturating", "free_slopes", "sigmoid", "decomposition"])
def test_a_document_comes_back_from_json_as_it_was(law):
    spec = FitSpec(law, settings=Settings.of(FIT))
    document = fit_study(straight_curves(0.01, runs=2), spec, Sources(expected=["main/x"]))
    text = json.dumps(rounded(document.to_json()))
    back = StudyFit.from_json(json.loads(text))
    assert json.dumps(back.to_json()) == text
    assert back.groups[0].sizes[0].k.intervals["fixed"].status == "ok"


def test_a_result_predicts_fitted_and_unseen_sizes():
    (result,) = rlscale.fit(straight_curves(0.003, runs=3), **FIT)
    seen = result.predict(n=9e9, x=512 * 10)
    assert seen.seen
    assert seen.low < seen.estimate < seen.high
    truth = np.exp(-0.1 - exact_slope(9e9) * np.log(10))
    assert seen.estimate == pytest.approx(truth, rel=0.02)
    wide, narrow = (result.predict(n=81e9, x=512 * 10, level=level) for level in (0.9, 0.5))
    assert not wide.seen
    assert wide.low < narrow.low < wide.estimate < narrow.high < wide.high
    slope = np.log(result.predict(81e9, 1e3).estimate / result.predict(81e9, 1e4).estimate)
    assert slope / np.log(10) == pytest.approx(K_MAX / (1 + 6e9 / 81e9), rel=0.05)


def test_a_result_from_a_file_says_that_it_cannot_predict():
    spec = FitSpec(settings=Settings.of(FIT))
    document = fit_study(straight_curves(), spec)
    back = StudyFit.from_json(rounded(document.to_json()))
    with pytest.raises(StudyError, match="read from a file"):
        back.groups[0].predict(9e9, 512)


def test_a_configuration_without_curves_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("study: mine\n")
    with pytest.raises(StudyError, match="no section `ingest`"):
        rlscale.read_curves(path)
