"""Tiny language models made from scratch, so that the embedded study needs no hub.

A model is a Qwen2 architecture with a character tokenizer, trained on arithmetic whose answers are
partly wrong: it knows more than it samples, as real base models do. Every size sees the same
number of tokens (PAPER: as all sizes of Qwen2.5 do); only initial weights and peak rates follow the
size, as ``pretraining.parametrization`` says:

- ``width``: every rate is learning_rate * sqrt(reference_width / hidden_size), and all weights
  start from one deviation. It suits sizes that grow in width.
- ``fan_in``: a projection's rate and initial deviation both follow sqrt(reference_width / inputs),
  all else as above. Sizes that grow by their MLPs alone stay trainable (docs/reference.md). That
  rates must fall with a matrix's inputs is what Yang et al. (arXiv 2203.03466) show for Adam; they
  fall there as the inputs, here as the root, as the width's do.
"""

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

PAD, END, UNKNOWN, USER, ASSISTANT = "<pad>", "<end>", "<unk>", "<user>", "<assistant>"
# Qwen2's 0.02 suits widths of thousands; widths below 100 learn several times faster from this.
INITIALIZER_RANGE = 0.1
_PROJECTION = "_proj.weight"  # the matrices of attention and MLPs, outputs by inputs
CHARACTERS = "".join(chr(code) for code in range(32, 127))
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<' + message['role'] + '>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<end>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


def character_tokenizer() -> "PreTrainedTokenizerFast":
    """A tokenizer with one token per printable ASCII character and a chat template."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [PAD, END, UNKNOWN, USER, ASSISTANT, *CHARACTERS]
    words += [f"<spare{i}>" for i in range(-len(words) % 8)]
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=UNKNOWN)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=[USER, ASSISTANT],
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def new_model(
    architecture: Mapping[str, int],
    tokenizer: "PreTrainedTokenizerFast",
    seed: int,
    reference_width: int | None = None,
) -> "Qwen2ForCausalLM":
    """A Qwen2 model with random weights and tied embeddings.

    Args:
        architecture: ``hidden_size``, ``intermediate_size``, ``num_hidden_layers``,
            ``num_attention_heads`` and ``max_position_embeddings``, as in Qwen2Config.
        tokenizer: Gives the vocabulary size and the special tokens.
        seed: Seed of the initial weights.
        reference_width: Of ``fan_in``: the inputs at which a projection starts from the deviation
            that all weights start from where it is absent.
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        num_key_value_heads=architecture["num_attention_heads"],
        tie_word_embeddings=True,
        initializer_range=INITIALIZER_RANGE,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **architecture,
    )
    model = Qwen2ForCausalLM(config)
    if reference_width is not None:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.endswith(_PROJECTION):
                    parameter.mul_(math.sqrt(reference_width / parameter.shape[1]))
    return model


def parameter_counts(model: "torch.nn.Module") -> dict[str, int]:
    """``n_params`` without input and output embeddings, ``n_params_total`` with them.

    Of experts those count that a token passes (a mixture of 30 billion may have 3 that are active).
    """
    total = sum(parameter.numel() for parameter in model.parameters())
    embeddings = {
        id(layer.weight): layer.weight.numel()
        for layer in (model.get_input_embeddings(), model.get_output_embeddings())
        if layer is not None
    }
    active = total - _idle(model)
    return {"n_params": active - sum(embeddings.values()), "n_params_total": active}


def _idle(model: "torch.nn.Module") -> int:
    """Parameters of experts that a token does not pass."""
    config = model.config.get_text_config()
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    experts = next((getattr(config, name) for name in names if getattr(config, name, None)), 0)
    if not experts:
        return 0
    stored = sum(
        parameter.numel() for name, parameter in model.named_parameters() if ".experts." in name
    )
    return stored // experts * (experts - config.num_experts_per_tok)


def pretrain(
    model: "Qwen2ForCausalLM",
    tokenizer: "PreTrainedTokenizerFast",
    settings: Mapping[str, Any],
    pairs: Sequence[tuple[str, str]],
) -> float:
    """Train on the noisy corpus by next-token prediction of the answers.

    Args:
        model: Trained in place.
        tokenizer: A character tokenizer.
        settings: The ``pretraining`` section of the configuration.
        pairs: Problems and answers (``rlscale.models.corpus``), as many as the steps take.

    Returns:
        Mean cross-entropy (nats per answer token) over the last tenth of the steps.
    """
    import torch
    from tqdm import tqdm

    steps = settings["steps"]
    groups = _by_peak_rate(model, settings)
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=settings["weight_decay"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=[group["lr"] for group in groups], total_steps=steps, pct_start=0.1
    )
    size = settings["batch_size"]
    losses = []
    for step in tqdm(range(steps), desc="pretraining", mininterval=10):
        batch = _batch(pairs[step * size : (step + 1) * size], tokenizer)
        loss = model(**batch).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    if not math.isfinite(losses[-1]):
        raise StudyError("pretraining diverged: lower pretraining.learning_rate")
    last = losses[-max(1, steps // 10) :]
    return sum(last) / len(last)


def _by_peak_rate(model: "Qwen2ForCausalLM", settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parameters in groups of one peak rate each, in the model's order."""
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        inputs = model.config.hidden_size
        if settings.get("parametrization") == "fan_in" and name.endswith(_PROJECTION):
            inputs = parameter.shape[1]
        peak = settings["learning_rate"] * math.sqrt(settings["reference_width"] / inputs)
        groups.setdefault(peak, []).append(parameter)
    return [{"params": parameters, "lr": peak} for peak, parameters in groups.items()]


def _batch(
    pairs: Sequence[tuple[str, str]], tokenizer: "PreTrainedTokenizerFast"
) -> dict[str, "torch.Tensor"]:
    import torch

    vocabulary, end = tokenizer.get_vocab(), tokenizer.eos_token_id
    rows = [([vocabulary[c] for c in p], [vocabulary[c] for c in a] + [end]) for p, a in pairs]
    length = max(len(problem) + len(answer) for problem, answer in rows)
    ids = torch.full((len(rows), length), tokenizer.pad_token_id)
    labels = torch.full((len(rows), length), -100)
    mask = torch.zeros((len(rows), length), dtype=torch.long)
    for i, (problem, answer) in enumerate(rows):
        stop = len(problem) + len(answer)
        ids[i, :stop] = torch.tensor(problem + answer)
        labels[i, len(problem) : stop] = torch.tensor(answer)
        mask[i, :stop] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def fine_tune(
    model_folder: Path, output: Path, settings: Mapping[str, Any], pairs: Sequence[tuple[str, str]]
) -> None:
    """Supervised pass on answers in the chat format: a base model becomes `instruct`.

    Args:
        model_folder: The base model.
        output: Where the tuned weights go.
        settings: The ``fine_tuning`` section.
        pairs: Problems and answers (``rlscale.models.corpus``), as many as the steps take.
    """
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    with tempfile.TemporaryDirectory() as scratch:  # the trainer makes it, and saves nothing there
        config = SFTConfig(
            output_dir=scratch,
            max_steps=settings["steps"],
            per_device_train_batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"],
            lr_scheduler_type="linear",
            warmup_steps=settings["steps"] // 10,
            max_length=None,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            save_strategy="no",
            report_to=[],
            logging_steps=10,
            disable_tqdm=True,
            seed=settings["seed"],
        )
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(model_folder, dtype="float32"),
            args=config,
            train_dataset=Dataset.from_list([_as_chat(*pair) for pair in pairs]),
            processing_class=tokenizer,
        )
        trainer.train()
    trainer.model.save_pretrained(output)
    tokenizer.save_pretrained(output)


def _as_chat(problem: str, answer: str) -> dict[str, list[dict[str, str]]]:
    return {
        "prompt": [{"role": "user", "content": problem}],
        "completion": [{"role": "assistant", "content": answer}],
    }
