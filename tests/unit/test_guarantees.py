"""What must hold in a run, from both sides: its seed, its divergence before any update."""

import math
from types import SimpleNamespace

import pytest
import torch

from rlscale.core.errors import StudyError
from rlscale.training.guarantees import check_first_kl, check_seed, seed_rollouts


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
