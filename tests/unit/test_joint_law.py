"""Joint laws: what groups share is kept, what they do not is refused, at the promised rate."""

from pathlib import Path

import numpy as np
import pytest

from rlscale.answers.joint import joint_laws
from rlscale.cli.main import parser
from rlscale.core.errors import StudyError
from rlscale.core.tables import read_curves
from rlscale.laws.joint import Slopes, fit_joint
from rlscale.laws.spec import FitSpec, Settings

BANK = Path(__file__).parents[2] / "resources" / "bank"
N = np.array([0.5e9, 1.5e9, 3e9, 7e9, 14e9, 32e9, 72e9])


def drawn(rng, laws, error=0.002):
    return [
        Slopes(
            f"g{i}", N, k_max / (1 + n0 / N) + error * rng.standard_normal(len(N)),
            error**2 * np.eye(len(N)), 14.0,
        )
        for i, (k_max, n0) in enumerate(laws)
    ]  # fmt: skip


def fitted(groups):
    return {joint.sharing: joint for joint in fit_joint(groups)}


def test_exact_slopes_give_their_parameters_and_refuse_what_is_not_shared():
    found = fitted(drawn(np.random.default_rng(1), [(0.14, 10e9), (0.14, 30e9)], 1e-4))
    assert found["K_max"].aic == 0
    assert found["K_max"].n0 == pytest.approx((10e9, 30e9), rel=0.05)
    assert found["K_max"].k_max == pytest.approx((0.14, 0.14), rel=0.02)
    assert found["N0"].p < 1e-3 > found["both"].p


@pytest.mark.parametrize(
    ("laws", "kept", "refused"),
    [
        ([(0.14, 12e9), (0.14, 12e9)], ["K_max", "N0", "both"], []),
        ([(0.14, 12e9), (0.10, 12e9)], ["N0"], ["both"]),
        ([(0.14, 8e9), (0.14, 24e9)], ["K_max"], ["both"]),
    ],
)
def test_true_sharings_are_refused_at_the_promised_rate(laws, kept, refused):
    """60 studies; level .10, error .04."""
    rng = np.random.default_rng(20261126)
    studies = [fitted(drawn(rng, laws)) for _ in range(60)]
    for name in kept:
        assert np.mean([found[name].p < 0.1 for found in studies]) <= 0.2
    for name in refused:
        assert np.mean([found[name].p < 0.1 for found in studies]) >= 0.9


def test_the_published_variants_do_not_share_both(capsys):
    paths = [str(BANK / f"tan2025_{variant}" / "curves.csv") for variant in ("base", "instruct")]
    arguments = parser().parse_args(
        ["joint-law", *paths, "--size", "n_params_nominal", "--weighting", "equal"]
    )
    arguments.run(arguments)
    said = capsys.readouterr().out
    assert "nothing is known of other runs" in said
    both = said[said.index("shared: both") :]
    assert float(both.split("p = ")[1].split(" ")[0]) < 0.1


def test_one_group_is_refused():
    table = read_curves(BANK / "tan2025_base" / "curves.csv")
    with pytest.raises(StudyError, match="a joint law needs two groups"):
        joint_laws({"base": table}, FitSpec(settings=Settings(size="n_params_nominal")))
