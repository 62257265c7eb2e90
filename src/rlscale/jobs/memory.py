"""Memory that a training's processes need, from shape, recipe and resources; nothing is loaded.

docs/performance.md says what was measured of it, and what was not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rlscale.accounting.shape import Shape
from rlscale.core.recipe import Recipe
from rlscale.jobs.batch import batch_parts
from rlscale.jobs.job import Job

GIB = 2**30
# ASSUME: Adam's two moments; those of 8-bit optimisers by block; none of plain gradient descent.
_OPTIMISER = {"adafactor": 0.1, "sgd": 0}
_TILE = 32768  # columns of the vocabulary that TRL scores at a time
# ASSUME: a process before it loads a model, with CUDA and vLLM; without them (measured: .6 to .8).
_BASE, _BASE_CPU = 3 * GIB, 1 * GIB
# Measured on an H100: 65 MiB beyond tensors, which matrix libraries keep for their own work.
_WORKSPACE = 65 * 2**20
_WORKING = 3  # a tile's logits, their gradient, and one more in the making

_SHORTEST = 128  # tokens of a response below which none is proposed


@dataclass(frozen=True)
class Memory:
    """Bytes of one process, and of its node.

    Attributes:
        weights, gradients, optimiser, reference: What an update keeps, this process's share.
        copies: Weights in bfloat16 for matrix products, and gradients' buckets (ddp).
        activations: What the backward pass of a part of a batch reads again.
        scores: Logits of that part, by tiles.
        engine: vLLM's copy of the weights, this GPU's share.
        cache: Keys and values of the responses that are drawn at a time.
        awake: Whether vLLM keeps its share of the GPU during updates.
        workspace: What a GPU's matrix libraries keep for themselves.
        host: The node's own memory: loading, or saving a whole state.
    """

    weights: float
    gradients: float
    optimiser: float
    reference: float
    copies: float
    activations: float
    scores: float
    engine: float
    cache: float
    awake: bool
    workspace: float
    host: float

    @property
    def kept(self) -> float:
        """What is there all the time."""
        tensors = self.weights + self.gradients + self.optimiser + self.reference + self.copies
        return tensors + self.workspace

    @property
    def updating(self) -> float:
        """What an update needs beside what is kept."""
        return self.activations + self.scores

    @property
    def peak(self) -> float:
        """The most of update and generation; both where vLLM does not sleep during updates."""
        drawing = self.engine + self.cache
        if self.awake:
            return self.kept + self.updating + drawing
        return self.kept + max(self.updating, drawing)


def memory_of(
    shape: Shape, recipe: Recipe, group_size: int, job: Job, prompt: float, device: float | None
) -> Memory:
    """Memory of one training process.

    Args:
        shape: The model's.
        recipe: The cell's.
        group_size: G.
        job: Its resources.
        prompt: Tokens of a prompt.
        device: Bytes of a GPU, where vLLM takes its share of them; None if not known.
    """
    share = job.processes if job.launch in ("fsdp2", "deepspeed_zero3") else 1
    stored = shape.stored
    trained = adapters(shape, recipe) if recipe.lora else stored
    frozen_bytes = 2 if _chosen(recipe, "dtype") == "bfloat16" else 4
    half = job.engine.get("bf16", recipe.grpo.get("bf16", bool(job.gpus)))
    number = 2 if half else 4  # bytes in matrix products
    part, _ = batch_parts(recipe, group_size, job.processes, job.micro_batch)
    length = prompt + recipe.grpo["max_completion_length"]
    kept = {
        "weights": (frozen_bytes * stored + 4 * trained if recipe.lora else 4 * stored) / share,
        "gradients": 4 * trained / share,
        "optimiser": _optimiser(recipe) * trained / share,
        "reference": 4 * stored / share if recipe.grpo.get("beta", 0) and not recipe.lora else 0,
        "copies": _copies(shape, job, share, trained, frozen_bytes, number),
    }
    drawn = drawn_at_once(recipe, group_size, job)
    engine, cache = _generation(shape, job, number, length, drawn, device)
    needed = Memory(
        **kept,
        activations=_activations(shape, recipe, job, number) * part * length,
        scores=_WORKING * 4 * min(shape.vocabulary, _TILE) * part * length,
        engine=engine,
        cache=cache,
        awake=bool(job.engine.get("use_vllm") and not job.engine.get("vllm_enable_sleep_mode")),
        workspace=_WORKSPACE if job.gpus else 0,
        host=0,
    )
    return replace(needed, host=_host(needed, shape, recipe, job))


def drawn_at_once(recipe: Recipe, group_size: int, job: Job) -> int:
    """Responses of a step that one process generates in one call; without vLLM all at a time.

    TRL hands a process's whole share of a step to one ``generate``, whatever ``micro_batch`` is.
    """
    part, parts = batch_parts(recipe, group_size, job.processes, job.micro_batch)
    return part * parts * recipe.updates_per_step


def adapters(shape: Shape, recipe: Recipe) -> int:
    """Parameters of a recipe's LoRA: r (inputs + outputs) of every adapted matrix."""
    lora = recipe.lora or {}
    sizes = {
        "q_proj": shape.width + shape.queries,
        "k_proj": shape.width + shape.keys,
        "v_proj": shape.width + shape.keys,
        "o_proj": shape.width + shape.queries,
        "gate_proj": shape.width + shape.feed_forward,
        "up_proj": shape.width + shape.feed_forward,
        "down_proj": shape.width + shape.feed_forward,
    }
    named = lora.get("target_modules", "all-linear")
    chosen = sizes if named == "all-linear" else {name: sizes.get(name, 0) for name in named}
    return int(shape.layers * lora.get("r", 8) * sum(chosen.values()))


def remedies(recipe: Recipe, job: Job) -> Iterator[tuple[str, Recipe, Job]]:
    """Changes that make a training smaller, the cheapest first: key and value, what comes of it."""
    if (job.micro_batch or 2) > 1:
        yield "micro_batch: 1", recipe, replace(job, micro_batch=1)
    slim = replace(job, micro_batch=1, engine={**job.engine, "gradient_checkpointing": True})
    yield "micro_batch: 1 and engine.gradient_checkpointing: true", recipe, slim
    if job.gpus > 1 and job.launch == "ddp":
        yield "launch: fsdp2", recipe, replace(slim, launch="fsdp2")
    if job.launch != "plain":
        for times in (2, 4, 8):
            launch = "fsdp2" if job.launch == "ddp" else job.launch
            more = replace(slim, gpus=job.gpus * times, launch=launch)
            yield f"gpus: {more.gpus} with launch: {launch}", recipe, more
    eight = replace(recipe, grpo={**recipe.grpo, "optim": "adamw_8bit"})
    yield "the recipe's grpo.optim: adamw_8bit", eight, slim
    small = {**eight.grpo, "model_init_kwargs": {"dtype": "bfloat16"}}
    lora = replace(eight, lora={"r": 16, "target_modules": "all-linear"}, grpo=small)
    yield "the recipe's lora, with grpo.model_init_kwargs.dtype: bfloat16", lora, slim


def fewer_prompts(recipe: Recipe) -> Iterator[tuple[str, Recipe]]:
    """Recipes of ever fewer prompts a step, halved as far as the updates divide them."""
    prompts = recipe.prompts_per_step
    while prompts % 2 == 0 and prompts // 2 % recipe.updates_per_step == 0:
        prompts //= 2
        yield f"prompts_per_step: {prompts}", replace(recipe, prompts_per_step=prompts)


def shorter_responses(recipe: Recipe) -> Iterator[tuple[str, Recipe]]:
    """Recipes of ever shorter responses, halved while a short answer may still fit."""
    length = recipe.grpo["max_completion_length"]
    while length // 2 >= _SHORTEST:
        length //= 2
        grpo = {**recipe.grpo, "max_completion_length": length}
        yield f"grpo.max_completion_length: {length}", replace(recipe, grpo=grpo)


def _optimiser(recipe: Recipe) -> float:
    name = recipe.grpo.get("optim", "adamw_torch")
    return 2 if "8bit" in name else _OPTIMISER.get(name, 8)


def _chosen(recipe: Recipe, key: str) -> str | None:
    value: str | None = (recipe.grpo.get("model_init_kwargs") or {}).get(key)
    return value


def _copies(
    shape: Shape, job: Job, share: int, trained: int, frozen_bytes: int, number: int
) -> float:
    """Autocast keeps its bfloat16 weights through a pass; a shared model gathers a layer."""
    buckets = 4 * trained if job.launch == "ddp" else 0
    if share > 1:
        layer = (shape.stored - shape.embeddings) / shape.layers
        return buckets + 2 * number * layer + number * shape.embeddings
    return buckets + (number * shape.stored if number < frozen_bytes else 0)


def _activations(shape: Shape, recipe: Recipe, job: Job, number: int) -> float:
    """Bytes of one token: norms in float32, what attention and feed-forward read again."""
    network = shape.feed_forward * max(1, shape.experts_used)
    read_again = 2 * shape.width + 2 * shape.queries + 2 * shape.keys + 4 * network
    layer = 16 * shape.width + number * read_again
    saved = job.engine.get(
        "gradient_checkpointing", recipe.grpo.get("gradient_checkpointing", True)
    )
    return shape.layers * 4 * shape.width + layer if saved else shape.layers * layer


def _generation(
    shape: Shape, job: Job, number: int, length: float, drawn: int, device: float | None
) -> tuple[float, float]:
    """Bytes of the engine's weights and of its cache, at least those of one longest response."""
    of_a_token = 2 * shape.layers * shape.keys * number
    if not job.engine.get("use_vllm"):
        return 0, of_a_token * length * drawn
    together = job.engine.get("vllm_tensor_parallel_size", 1)
    weights = 2 * shape.stored / together
    left = job.engine.get("vllm_gpu_memory_utilization", 0.3) * (device or 0) - weights
    return weights, max(left, of_a_token * length / together)


def _host(needed: Memory, shape: Shape, recipe: Recipe, job: Job) -> float:
    processes = max(1, job.processes // job.nodes)
    if not job.gpus:
        return _BASE_CPU + needed.peak
    models = 2 if needed.reference else 1
    bytes_ = 2 if _chosen(recipe, "dtype") == "bfloat16" else 4
    loading = bytes_ * models * shape.stored * processes
    if job.launch == "deepspeed_zero3":
        loading = 2 * shape.stored  # files are mapped: the node's processes share their pages
    whole_state = 12 * shape.stored if job.launch == "fsdp2" else 0
    return processes * _BASE + max(loading, whole_state)
