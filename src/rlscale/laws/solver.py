"""Many small least-squares problems at once."""

from collections.abc import Callable

import numpy as np

from rlscale.laws.arrays import Array, Bools, Indices


def levenberg(
    residual: Callable[[Array, Indices], tuple[Array, Array]],
    theta: Array,
    lower: Array,
    upper: Array,
    iterations: int = 200,
) -> tuple[Array, Array, Bools]:
    """Levenberg-Marquardt with bounds on many least-squares problems at once.

    Args:
        residual: (theta of some fits, their indices) -> residuals (fits, points) and Jacobian
            (fits, points, p).
        theta: Starts (fits, p).
        lower: Lower bounds (p).
        upper: Upper bounds (p).
        iterations: Most iterations.

    Returns:
        Parameters (fits, p), sums of squares (fits), whether each fit converged (fits).
    """
    theta = np.clip(theta, lower, upper)
    active = np.arange(len(theta))
    r, jacobian = residual(theta, active)
    objective = (r**2).sum(1)
    damping = np.full(len(theta), 1e-3)
    done = np.zeros(len(theta), bool)
    for _ in range(iterations):
        here = theta[active]
        gradient = (r[:, None] @ jacobian)[:, 0]
        free = ~(((here <= lower) & (gradient > 0)) | ((here >= upper) & (gradient < 0)))
        jacobian = jacobian * free[:, None, :]
        gradient = gradient * free
        normal = jacobian.transpose(0, 2, 1) @ jacobian
        diagonal = np.einsum("fpp->fp", normal)
        ridge = damping[active, None] * diagonal + 1e-14 * diagonal.max(1, keepdims=True) + ~free
        step = -np.linalg.solve(
            normal + ridge[..., None] * np.eye(theta.shape[1]) + 1e-300, gradient[..., None]
        )[..., 0]
        trial = np.clip(here + step, lower, upper)
        r_trial, jacobian_trial = residual(trial, active)
        tried = (r_trial**2).sum(1)
        better = tried <= objective[active]
        gain = objective[active] - tried
        small = (np.abs(trial - here) <= 1e-10 * (1 + np.abs(here))).all(1)
        theta[active[better]] = trial[better]
        finished = small | (better & (gain <= 1e-13 * tried)) | (damping[active] > 1e12)
        objective[active[better]] = tried[better]
        damping[active] *= np.where(better, 0.2, 5.0)
        done[active[finished]] = True
        r = np.where(better[:, None], r_trial, r)[~finished]
        jacobian = np.where(better[:, None, None], jacobian_trial, jacobian)[~finished]
        active = active[~finished]
        if not len(active):
            break
    return theta, objective, done
