"""FLOPs against counts by hand, and against what torch counts in a real model."""

from dataclasses import replace

import pandas
import pytest

from rlscale.accounting.ledger import TRAINING, Cost, Tokens, passes
from rlscale.models.tiny import character_tokenizer, parameter_counts

# 2 layers of 2 heads of dimension 2; a head of 4 x 5.
COST = Cost(n_params=100, n_params_total=150, head=20, attention=8, phases=TRAINING)
# Prompts of 3 tokens, responses of 2 and 1: 5 tokens see 1 + 2 + 3 + 4 + 5, 4 tokens see 10.
STEP = Tokens(sequences=2, prompt=6, completion=3, pairs=15 + 10)
FORWARD = (
    2 * 100 * (5 + 4)  # parameters
    + 4 * 8 * (15 + 10)  # attention
    + 2 * 20 * (2 + 1)  # head, at the responses' tokens
)
# Each response's last token is drawn and not passed through the model.
DRAWN = 2 * 100 * (4 + 3) + 4 * 8 * (10 + 6) + 2 * 20 * (2 + 1)


def test_a_steps_flops_are_those_counted_by_hand():
    assert Tokens.of([(3, 2), (3, 1)]) == STEP
    counts = {"step": 1, "prompt_tokens": 6, "completion_tokens": 3}
    none = {"compute_flops": 0, "compute_flops_total": 0}
    paper = {"compute_flops": 6 * 100 * 9, "compute_flops_total": 6 * 150 * 9}
    assert COST.training([STEP]) == [
        counts | {"phase": "generation", **none, "flops": DRAWN},
        counts | {"phase": "old_logprobs", **none, "flops": FORWARD},
        counts | {"phase": "reference", **none, "flops": FORWARD},
        counts | {"phase": "update", **paper, "flops": 3 * FORWARD},
    ]


def test_frozen_weights_take_no_gradients_of_their_own():
    frozen = replace(COST, frozen=True)
    weights = 2 * 100 * (5 + 4) + 2 * 20 * (2 + 1)
    assert frozen.flops("update", STEP) == 3 * FORWARD - weights
    assert frozen.flops("reference", STEP) == FORWARD


def test_an_evaluations_flops_are_those_of_its_samples():
    samples = pandas.DataFrame(
        {"step": [0, 2, 2], "prompt_tokens": [7, 3, 3], "tokens": [1, 2, 1]}, dtype="int32"
    )
    start, end = COST.evaluation(samples)
    assert start["flops"] == 2 * 100 * 7 + 4 * 8 * 28 + 2 * 20
    counts = {"step": 2, "phase": "evaluation", "prompt_tokens": 6, "completion_tokens": 3}
    assert end == counts | {"compute_flops": 0, "compute_flops_total": 0, "flops": DRAWN}


def test_tokens_of_parts_add_up_to_those_of_the_whole():
    assert Tokens.of([(3, 2)]) + Tokens.of([(3, 1)]) == STEP
    assert Tokens.equal(4, 3, 2) == Tokens.of([(3, 2)] * 4)


@pytest.mark.parametrize(
    ("settings", "skipped"),
    [
        ({"updates_per_step": 4, "beta": 0.001}, set()),
        ({"updates_per_step": 1, "beta": 0.001}, {"old_logprobs"}),
        ({"updates_per_step": 1, "beta": 0, "vllm_corrected": True}, {"reference"}),
        ({"updates_per_step": 1, "beta": 0}, {"old_logprobs", "reference"}),
    ],
)
def test_a_step_has_the_passes_that_trl_makes(settings, skipped):
    assert set(TRAINING) - set(passes(**settings)) == skipped


@pytest.mark.slow
def test_sizes_read_from_a_configuration_give_torchs_count_of_a_real_pass():
    """Fewer key than query heads, and heads wider than hidden size / heads."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=len(character_tokenizer()), hidden_size=24, intermediate_size=40,
        num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        attn_implementation="eager",
    )  # fmt: skip
    model = Qwen2ForCausalLM(config)
    counts = parameter_counts(model)
    cost = Cost.of_model(config, TRAINING, **counts)
    length = 11
    ids = torch.arange(length)[None]
    with FlopCounterMode(display=False) as counter:
        logits = model(ids).logits
    vectors = sum(p.numel() for p in model.parameters() if p.dim() == 1)  # biases, norms
    # Here every token is scored, and attends to all of them, later ones masked; and the rotary
    # angles are an outer product of 4 frequencies and the positions.
    products = counts["n_params"] - vectors + cost.head
    forward = 2 * products * length + 4 * cost.attention * length**2
    assert counter.get_total_flops() - 2 * 4 * length == forward
    with FlopCounterMode(display=False) as counter:
        logits.sum().backward()
    assert counter.get_total_flops() == 2 * forward
