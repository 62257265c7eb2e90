"""A cell's trainer: model, prompts, reward and cost, put together for TRL."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.accounting.ledger import Cost, passes
from rlscale.accounting.timings import time_phases
from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.manifests import read_manifest, verify_files
from rlscale.core.recipe import Recipe
from rlscale.models.architecture import text_config
from rlscale.models.checkpoints import Model
from rlscale.models.prompts import render
from rlscale.training.guarantees import check_reference, seed_rollouts
from rlscale.training.lora import lora_config
from rlscale.training.reward import Reward

if TYPE_CHECKING:
    import pandas
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import GRPOConfig, GRPOTrainer


def build(
    cell: Cell, recipe: Recipe, model: Model, problems: "pandas.DataFrame", config: "GRPOConfig"
) -> tuple["GRPOTrainer", Reward, Cost]:
    """Put together TRL's trainer of a cell.

    Args:
        cell: Gives the variant, in whose form prompts are asked.
        recipe: The cell's.
        model: The weights that it starts from.
        problems: Its training table (``read_problems``).
        config: TRL's (``rlscale.training.grpo_settings``).

    Returns:
        The trainer, its reward (which keeps the record) and what a token costs.

    Raises:
        StudyError: A prompt and its response do not fit into the model's context, or TRL would
            not compute what the recipe asks for.
    """
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import GRPOTrainer

    torch.set_num_threads(recipe.cpu_threads)
    tokenizer = AutoTokenizer.from_pretrained(
        model.folder, padding_side="left", trust_remote_code=model.trust_remote_code
    )
    context = text_config(model.folder, model.trust_remote_code).max_position_embeddings
    prompts = render_all(tokenizer, problems, cell.variant, recipe)
    needed = longest_sequence(tokenizer, problems, prompts, recipe, context)
    if config.use_vllm and config.vllm_max_model_length is None:
        config.vllm_max_model_length = needed  # its cache need not hold the model's whole context
    network = _load(model, config.model_init_kwargs or {}, adapted=recipe.lora is not None)
    cost = _cost(network, model, recipe, config)
    reward = Reward(recipe.verifier, tokenizer)
    columns = {
        "prompt": prompts,
        "answer": problems["answer"].tolist(),
        "problem_id": problems["problem_id"].tolist(),
    }
    trainer = GRPOTrainer(
        model=network,
        args=config,
        train_dataset=Dataset.from_dict(columns),
        reward_funcs=reward,
        processing_class=tokenizer,
        peft_config=lora_config(network, recipe.lora) if recipe.lora else None,
    )
    check_reference(trainer)
    seed_rollouts(config)
    time_phases(trainer, reward.timings, cost.phases)
    return trainer, reward, cost


def _cost(network: "PreTrainedModel", model: Model, recipe: Recipe, config: "GRPOConfig") -> Cost:
    phases = passes(
        updates_per_step=recipe.updates_per_step,
        beta=config.beta,
        vllm_corrected=config.use_vllm and config.vllm_importance_sampling_correction,
    )
    return Cost.of_model(
        network.config,
        phases,
        n_params=model.n_params,
        n_params_total=model.n_params_total,
        frozen=recipe.lora is not None,
    )


def _load(model: Model, chosen: Mapping[str, Any], *, adapted: bool) -> "PreTrainedModel":
    """The network, in float32 unless frozen; TRL's tiles become no wider than its vocabulary.

    Args:
        model: Where it is.
        chosen: TRL's ``model_init_kwargs``: ``dtype``, ``attn_implementation``.
        adapted: Whether only adapters are trained.

    Raises:
        StudyError: Weights to be trained are asked for in another format than float32.
    """
    dtype = chosen.get("dtype", "float32")
    if dtype != "float32" and not adapted:
        raise StudyError(
            f"grpo.model_init_kwargs.dtype: '{dtype}' rounds away updates of trained weights; it "
            "is for frozen ones (lora). Leave it out: a GPU's products are in bfloat16 all the same"
        )
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar
    from trl.trainer import utils as trl_utils

    disable_progress_bar()
    network = AutoModelForCausalLM.from_pretrained(
        model.folder,
        use_safetensors=True,
        trust_remote_code=model.trust_remote_code,
        **{**chosen, "dtype": dtype},
    )
    # TRL scores responses in tiles 32,768 columns wide, whatever the vocabulary: with a hundred
    # characters that is hundreds of megabytes of nothing, and a quarter of a step's time.
    trl_utils._CHUNKED_LOGPROB_CHUNK_SIZE = min(
        trl_utils._CHUNKED_LOGPROB_CHUNK_SIZE, network.config.get_text_config().vocab_size
    )
    return network


def read_problems(data_manifest: Path, recipe: Recipe) -> "pandas.DataFrame":
    """Read a data variant's training table, one row per problem that the run will consume.

    Raises:
        StudyError: The file is damaged, or its rows are not steps x prompts per step.
    """
    import pandas

    manifest = read_manifest(data_manifest)
    verify_files(manifest)
    path = data_manifest.parent / "train.parquet"
    problems = pandas.read_parquet(path)
    if len(problems) != recipe.problems:
        raise StudyError(
            f"{path}: {len(problems)} rows where the recipe's steps need {recipe.problems}"
        )
    return problems


def render_all(
    tokenizer: "PreTrainedTokenizerBase",
    problems: "pandas.DataFrame",
    variant: str,
    recipe: Recipe,
) -> list[str]:
    """Prompts of a training table, in its order."""
    return [render(tokenizer, text, variant, recipe.template) for text in problems["problem"]]


def longest_sequence(
    tokenizer: "PreTrainedTokenizerBase",
    problems: "pandas.DataFrame",
    prompts: Sequence[str],
    recipe: Recipe,
    context: int,
) -> int:
    """Tokens of the longest prompt and a response.

    Args:
        tokenizer: The model's.
        problems: The training table, whose ``problem_id`` names the one that does not fit.
        prompts: Its prompts, in its order.
        recipe: Says how long a response may be.
        context: The model's longest sequence [tokens].

    Raises:
        StudyError: They do not fit into ``context``.
    """
    lengths = list(map(len, tokenizer(list(prompts)).input_ids))
    longest = max(lengths)
    response = recipe.grpo["max_completion_length"]
    if longest + response > context:
        problem = problems["problem_id"].iloc[lengths.index(longest)]
        raise StudyError(
            f"problem {problem}: its prompt of {longest} tokens and grpo.max_completion_length "
            f"{response} exceed the model's context of {context} tokens; shorten responses, "
            "lower the data set's max_characters or take another model"
        )
    return longest + response
