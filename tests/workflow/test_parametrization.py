"""Rates and initial weights of made models follow the width, or each matrix's inputs."""

import math

import pytest

from rlscale.models.tiny import INITIALIZER_RANGE, character_tokenizer, new_model, pretrain

SIZE = {
    "hidden_size": 64, "intermediate_size": 1024, "num_hidden_layers": 1, "num_attention_heads": 1,
    "max_position_embeddings": 16,
}  # fmt: skip
SETTINGS = {
    "steps": 20, "batch_size": 2, "learning_rate": 0.01, "reference_width": 16, "weight_decay": 0.0
}  # fmt: skip
PAIRS = [("1+2=", "3"), ("2-1=", "1")] * 20


@pytest.mark.parametrize(("reference", "shares"), [(None, (1, 1)), (16, (1 / 2, 1 / 8))])
def test_initial_deviations_follow_the_inputs(reference, shares):
    model = new_model(SIZE, character_tokenizer(), 1, reference)
    mlp = model.model.layers[0].mlp
    for matrix, share in zip((mlp.up_proj, mlp.down_proj), shares, strict=True):
        assert float(matrix.weight.detach().std()) == pytest.approx(
            INITIALIZER_RANGE * share, rel=0.02
        )
    embedding = model.get_input_embeddings().weight.detach()
    assert float(embedding.std()) == pytest.approx(INITIALIZER_RANGE, rel=0.03)


@pytest.mark.parametrize(
    ("parametrization", "down"), [("width", math.sqrt(16 / 64)), ("fan_in", math.sqrt(16 / 1024))]
)
def test_peak_rates_follow_the_inputs(monkeypatch, parametrization, down):
    import torch

    made = []
    whole = torch.optim.AdamW.__init__

    def init(self, groups, *args, **kwargs):
        made.extend(groups)
        whole(self, groups, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "__init__", init)
    tokenizer = character_tokenizer()
    model = new_model(SIZE, tokenizer, 1)
    pretrain(model, tokenizer, {**SETTINGS, "parametrization": parametrization}, PAIRS)
    rates = {id(p): group["max_lr"] for group in made for p in group["params"]}
    assert len(rates) == len(list(model.parameters()))
    mlp = model.model.layers[0].mlp
    assert rates[id(mlp.down_proj.weight)] == pytest.approx(0.01 * down)
    assert rates[id(mlp.up_proj.weight)] == pytest.approx(0.01 * math.sqrt(16 / 64))
    assert rates[id(model.get_input_embeddings().weight)] == pytest.approx(0.005)
