"""LoRA: adapters are trained, and whole models are kept.

A kept checkpoint holds W + (alpha / r) B A in the place of every adapted W, under the model's own
tensor names. So evaluation, digests and step 0 are those of full training.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig
    from transformers import PreTrainedModel

_ADAPTED = re.compile(r"(?P<layer>.+)\.base_layer\.(?P<leaf>weight|bias)")


def lora_config(model: "PreTrainedModel", settings: Mapping[str, Any]) -> "LoraConfig":
    """Peft's configuration of a recipe's ``lora`` section (peft's own key names).

    Raises:
        StudyError: A target module is no linear layer of the model; names it and those there are.
    """
    from peft import LoraConfig
    from torch import nn

    targets = settings["target_modules"]
    if targets != "all-linear":
        head = model.get_output_embeddings()
        linear = {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) and module is not head
        }
        unknown = sorted(set(targets) - linear)
        if unknown:
            raise StudyError(
                f"lora.target_modules: the model has no linear layers '{unknown[0]}' to adapt; "
                f"it has {', '.join(sorted(linear))}"
            )
    return LoraConfig(task_type="CAUSAL_LM", **settings)


def merged(
    tensors: Mapping[str, "torch.Tensor"], config: "LoraConfig"
) -> dict[str, "torch.Tensor"]:
    """Whole weights of a model with adapters, from its gathered tensors; the model stays as it is.

    Args:
        tensors: State dictionary of a ``peft.PeftModel`` with the adapter ``default``.
        config: The adapter's configuration.

    Returns:
        Tensors under the names of the model without adapters.
    """
    scale = config.lora_alpha / config.r
    whole = {}
    for name, value in tensors.items():
        if ".lora_" in name:
            continue
        adapted = _ADAPTED.fullmatch(name)
        if adapted:
            layer, leaf = adapted["layer"], adapted["leaf"]
            name = f"{layer}.{leaf}"
            if leaf == "weight":
                up, down = (tensors[f"{layer}.lora_{part}.default.weight"] for part in "BA")
                # Not in the frozen weights' own format: bfloat16 would round the adapters away.
                value = value.float() + scale * (up.float() @ down.float())
        whole[name.removeprefix("base_model.model.")] = value
    return whole
