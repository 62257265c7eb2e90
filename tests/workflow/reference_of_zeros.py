"""A fault that FSDP2 had: the reference's weights are zeros on every process but the first."""

import os

import torch
from trl.trainer import grpo_trainer


def if_asked() -> None:
    """Bring it about where REFERENCE=zeros."""
    if os.environ.get("REFERENCE") != "zeros" or os.environ["RANK"] == "0":
        return
    load = grpo_trainer.create_model_from_path

    def zeros(*arguments, **named):
        model = load(*arguments, **named)
        with torch.no_grad():
            for parameter in model.parameters():
                getattr(parameter, "ds_tensor", parameter).zero_()
        return model

    grpo_trainer.create_model_from_path = zeros
