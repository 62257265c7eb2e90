"""What must hold in a run, from both sides: its seed, its divergence before any update."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch

from rlscale.core.errors import StudyError
from rlscale.training.guarantees import (
    check_first_kl,
    check_reference,
    check_seed,
    seed_rollouts,
)


def config(**changes) -> SimpleNamespace:
    own = {"seed": 7, "use_vllm": True, "world_size": 8, "process_index": 5, "bf16": False}
    return SimpleNamespace(**{**own, "vllm_tensor_parallel_size": 2, **changes})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "seed"),
    [
        ({}, 7002),  # processes 4 and 5 share an engine
        ({"use_vllm": False}, 7005),
        ({"process_index": 0}, 7000),
        ({"world_size": 1, "process_index": 0, "vllm_tensor_parallel_size": 1}, 7000),
    ],
)
def test_processes_draw_numbers_of_their_own_but_those_that_share_an_engine(changes, seed):
    torch.manual_seed(0)
    seed_rollouts(config(**changes))
    assert torch.initial_seed() == seed
    check_seed(7)


@pytest.mark.slow
def test_one_process_without_an_engine_keeps_the_seed_that_trl_set():
    torch.manual_seed(7)
    seed_rollouts(config(use_vllm=False, world_size=1))
    assert torch.initial_seed() == 7
    check_seed(7)


@pytest.mark.parametrize("found", [0, 1, 8, 6999, 8000])
def test_a_seed_that_is_not_the_runs_stops_it(found):
    torch.manual_seed(found)
    with pytest.raises(StudyError, match=f"seed is 7, but .* with {found}:"):
        check_seed(7)


@pytest.mark.parametrize(("bfloat16", "kl"), [(False, 0.0), (False, 9e-5), (True, 0.003)])
def test_rounding_passes(bfloat16, kl):
    check_first_kl([kl, 0.0, kl], config(bf16=bfloat16))


@pytest.mark.parametrize(
    ("bfloat16", "kl"), [(False, 2e-4), (True, 0.0155), (True, 0.23), (True, math.nan)]
)
def test_a_reference_that_is_another_model_stops_the_run(bfloat16, kl):
    with pytest.raises(StudyError, match="the reference is not the model that training starts"):
        check_first_kl([kl, kl], config(bf16=bfloat16))


def started(change=lambda weights: weights, dtype=torch.float32) -> SimpleNamespace:
    """A trainer as it is built: a model, and a reference whose second tensor was changed."""
    own = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Linear(8, 8))
    other = copy.deepcopy(own).to(dtype)
    with torch.no_grad():
        other[1].weight.copy_(change(other[1].weight))
    return SimpleNamespace(model=own, ref_model=other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_reference_of_the_same_weights_passes_in_its_own_format(dtype):
    check_reference(started(dtype=dtype))
    check_reference(SimpleNamespace(model=None, ref_model=None))  # no beta, or adapters


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "change",
    [
        torch.zeros_like,
        lambda weights: weights + 0.01 * weights.std() * torch.randn_like(weights),
        lambda weights: (
            weights.flatten().index_put((torch.tensor(3),), next_after(weights))
        ).reshape(weights.shape),
        lambda weights: weights * math.nan,
    ],
    ids=["zeros", "one per cent of their spread", "the last bit of one", "no numbers"],
)
def test_a_reference_of_other_weights_is_found_to_the_last_bit(change, dtype):
    with pytest.raises(StudyError, match=r"1 of its tensors, 1\.weight first, are others"):
        check_reference(started(change, dtype))


def next_after(weights: torch.Tensor) -> torch.Tensor:
    """The number after the fourth, in the format that it has."""
    return torch.nextafter(weights.flatten()[3], torch.tensor(math.inf, dtype=weights.dtype))
