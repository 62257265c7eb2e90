import numpy as np
import pytest

from rlscale.laws.registry import law_named

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("name", ["floor", "sigmoid", "decomposition"])
def test_the_jacobian_is_the_derivative(name):
    law = law_named(name)
    lower, upper = np.array(law.lower), np.array(law.upper)
    theta = np.clip(RNG.normal(0, 0.5, (20, len(lower))), lower + 0.01, upper - 0.01)
    u, n = RNG.uniform(-3, 3, (1, 15)), RNG.uniform(-2, 2, (1, 15))
    _, jacobian = law.log_loss(theta, np.repeat(u, 20, 0), n)
    for i in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[i] = 1e-6
        above, _ = law.log_loss(theta + step, np.repeat(u, 20, 0), n)
        below, _ = law.log_loss(theta - step, np.repeat(u, 20, 0), n)
        np.testing.assert_allclose(jacobian[..., i], (above - below) / 2e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["saturating", "power"])
def test_the_shape_derivative_is_the_derivative(name):
    law, n, s = law_named(name), np.array([1e9, 1e10, 1e11]), np.array([0.3, 22.0, -1.0])
    s = s if name == "saturating" else np.array([0.3, 1.0, -1.0])
    _, derivative = law.shape(n, s, n.max())
    above, below = (law.shape(n, s + d, n.max())[0] for d in (1e-6, -1e-6))
    np.testing.assert_allclose(derivative, (above - below) / 2e-6, atol=1e-8)


def test_saturating_reads_as_in_the_paper():
    law = law_named("saturating")
    k, _ = law.shape(np.array([13e9]), np.log(np.array([13e9])), 13e9)
    assert k[0, 0] == pytest.approx(0.5)  # At N = N0, half of K_max.
