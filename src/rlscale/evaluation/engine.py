"""One vLLM engine for all checkpoints of a cell: weights are swapped in and proved after each swap.

vLLM's reload is silently wrong on the CPU backend when embeddings are tied: the output head keeps
its packed copy of the old embedding. So a swap here is reload, re-pack of a tied head, reset of
the prefix cache, and a probe against the checkpoint's own files; a failed probe is an error.
"""

import gc
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.evaluation.proof import compare_weights
from rlscale.jobs.devices import on_gpu, use_gpus
from rlscale.jobs.imports import ENGINE
from rlscale.models.architecture import text_config
from rlscale.models.weights import (
    differing_tensor,
    reference_log_probabilities,
    tensor_files,
    tensor_shapes,
    weight_files,
)

# ASSUME: mean absolute differences of log-probabilities of vLLM and transformers stay below this
# when they run the same model (measured in float32: below 1e-5). In bfloat16 single tokens differ
# by half a nat, so there it tells other models apart, not the steps of one.
PROBE_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.25}
# Up to this size a model in float32 runs in transformers as well.
PROBE_BYTES = 2 << 30
if TYPE_CHECKING:
    from transformers import PretrainedConfig
    from vllm import LLM, SamplingParams

_CPU_SEQUENCES, _GPU_SEQUENCES = 512, 256
_closed: list[Any] = []


@dataclass(frozen=True)
class Request:
    """A prompt's token ids, the seed of its sampling, and texts that end the response."""

    prompt: Sequence[int]
    seed: int
    max_tokens: int
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Generation:
    """What the engine made of a request: token ids and ``stop`` or ``length``."""

    tokens: Sequence[int]
    finish_reason: str


@dataclass(frozen=True)
class Machine:
    """How an engine computes responses (``evaluation.machine``); it decides none of them.

    Attributes:
        max_num_seqs: Sequences decoded together; None = chosen from the machine.
        kv_cache_gib: Size of the cache in GiB; None = chosen from the machine.
        gpus: GPUs that share the model; 0 stays off any.
        isolation: The least isolation of programs that are judged
            (``rlscale.judging.sandbox.ISOLATIONS``).
    """

    max_num_seqs: int | None = None
    kv_cache_gib: float | None = None
    gpus: int = 0
    isolation: str = "filter"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Machine":
        """Read the keys as a configuration names them."""
        return cls(**document)


class WorkerExtension:
    """Methods that vLLM mixes into its workers (named in ``worker_extension_cls``)."""

    model_runner: Any  # of the worker
    model_config: Any

    def repack_heads(self) -> None:
        """Let output heads, or embeddings that serve as one, pack what was just loaded."""
        from vllm.model_executor.layers.vocab_parallel_embedding import VocabParallelEmbedding

        for module in self.model_runner.get_model().modules():
            if isinstance(module, VocabParallelEmbedding):
                module.quant_method.process_weights_after_loading(module)

    def compare_weights(self, folder: str) -> dict[str, Any]:
        """Hold this worker's weights against a checkpoint's files (``proof.Comparison``)."""
        from vllm.distributed import (
            get_tensor_model_parallel_rank,
            get_tensor_model_parallel_world_size,
        )

        found = compare_weights(
            self.model_runner.get_model(),
            tensor_files(folder),
            self.model_config.dtype,
            get_tensor_model_parallel_rank(),
            get_tensor_model_parallel_world_size(),
        )
        return asdict(found)


class Engine:
    """A running vLLM engine.

    Args:
        folder: Model folder (config, tokenizer, safetensors) of the first checkpoint.
        dtype: ``float32`` or ``bfloat16``.
        max_model_len: Longest prompt plus response, in tokens.
        cpu_threads: Threads of the CPU backend; no engine is bound to a core.
        machine: How responses are computed.
        trust_remote_code: Whether the Python files in the folder may run.
        requests: Most requests at a time that will come; a CPU's cache need hold no more.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        dtype: str,
        max_model_len: int,
        cpu_threads: int,
        machine: Machine,
        trust_remote_code: bool = False,
        requests: int | None = None,
    ) -> None:
        started = time.monotonic()
        os.environ.update(ENGINE.environment, OMP_NUM_THREADS=str(cpu_threads))
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        use_gpus(machine.gpus)
        with without_collection():  # vllm loads what it is asked for, and not before
            import torch
            from vllm import LLM  # noqa: F401
        torch.set_num_threads(cpu_threads)
        self.import_seconds = time.monotonic() - started
        self.dtype = dtype
        self._trusted = trust_remote_code
        self.max_model_len = max_model_len
        self._shapes = tensor_shapes(folder)
        self._llm = self._started(folder, machine, requests)
        self._tokenizer = self._llm.get_tokenizer()
        self.start_seconds = time.monotonic() - started - self.import_seconds
        self.swap_seconds = 0.0
        self.probe_seconds = 0.0

    def _started(self, folder: Path | str, machine: Machine, requests: int | None) -> "LLM":
        from vllm import LLM

        on_cpu = not on_gpu(machine.gpus)
        sequences = machine.max_num_seqs or (_CPU_SEQUENCES if on_cpu else _GPU_SEQUENCES)
        gib = machine.kv_cache_gib
        if on_cpu and not gib:
            config = text_config(folder, self._trusted)
            needed = min(sequences, requests or sequences)
            gib = cache_gib(config, needed, self.max_model_len, self.dtype)
        cache = {"kv_cache_memory_bytes": int(gib * 2**30)} if gib else {}
        try:
            return LLM(
                str(folder),
                dtype=self.dtype,
                max_model_len=self.max_model_len,
                max_num_seqs=sequences,
                tensor_parallel_size=max(machine.gpus, 1),
                worker_extension_cls=f"{WorkerExtension.__module__}.{WorkerExtension.__name__}",
                seed=0,
                trust_remote_code=self._trusted,
                **cache,
                **(_cpu_options(self.max_model_len) if on_cpu else {}),
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise StudyError(f"{folder}: vLLM cannot run this model ({error})") from error

    def swap(self, folder: Path | str, probes: Sequence[Sequence[int]]) -> None:
        """Load another checkpoint's weights and prove that the engine runs them.

        Args:
            folder: The checkpoint's folder.
            probes: Token ids of a few fixed prompts, each of at least two tokens.

        Raises:
            StudyError: Another architecture, unreadable weights, or a failed probe.
        """
        from safetensors import SafetensorError

        started = time.monotonic()
        self._check_architecture(folder)
        try:
            self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        except (RuntimeError, ValueError, OSError, SafetensorError) as error:
            raise StudyError(f"{folder}: the weights cannot be loaded ({error})") from error
        self._llm.collective_rpc("repack_heads")
        self._llm.reset_prefix_cache()
        self.swap_seconds += time.monotonic() - started
        self.prove(folder, probes)

    def prove(self, folder: Path | str, probes: Sequence[Sequence[int]]) -> None:
        """Make sure that the engine runs a checkpoint's weights.

        Every worker compares its weights with the files, number by number. Where some cannot be
        compared, and for small models in float32, log-probabilities of the probes must be those of
        transformers, too.

        Raises:
            StudyError: They are not the checkpoint's; names tensors.
        """
        started = time.monotonic()
        workers = self._llm.collective_rpc("compare_weights", args=(str(folder),))
        differing = sorted({name for worker in workers for name in worker["differing"]})
        if differing or not all(worker["compared"] for worker in workers):
            raise StudyError(
                f"{folder}: after the swap the engine does not run this checkpoint: "
                f"{len(differing)} of its tensors are not the files', "
                f"{', '.join(differing[:3])}; nothing was scored"
            )
        small = sum(file.stat().st_size for file in weight_files(folder)) <= PROBE_BYTES
        unknown = any(worker["unknown"] for worker in workers)
        if unknown or (small and self.dtype == "float32"):
            self._probe(folder, probes)
        self.probe_seconds += time.monotonic() - started

    def _probe(self, folder: Path | str, probes: Sequence[Sequence[int]]) -> None:
        mine = self.log_probabilities(probes)
        theirs = reference_log_probabilities(folder, probes, self.dtype, self._trusted)
        difference = sum(abs(a - b) for a, b in zip(mine, theirs, strict=True)) / len(mine)
        tolerance = PROBE_TOLERANCE[self.dtype]
        if not difference <= tolerance:
            raise StudyError(
                f"{folder}: the engine computes another model than transformers: log-probabilities "
                f"differ by {difference:.3g} nats on average (at most {tolerance:g} is rounding); "
                "nothing was scored"
            )

    def log_probabilities(self, prompts: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of each prompt's tokens after the first, all prompts in one list."""
        from vllm import SamplingParams

        parameters = SamplingParams(
            temperature=0.0, max_tokens=1, prompt_logprobs=0, detokenize=False
        )
        outputs = self._llm.generate(
            [{"prompt_token_ids": list(prompt)} for prompt in prompts], parameters, use_tqdm=False
        )
        return [
            position[token].logprob
            for prompt, output in zip(prompts, outputs, strict=True)
            for token, position in zip(prompt[1:], output.prompt_logprobs[1:], strict=True)
        ]

    def generate(
        self, requests: Sequence[Request], *, temperature: float, top_p: float
    ) -> Iterator[tuple[int, Generation]]:
        """Sample a response per request; yields (index, generation) as they finish.

        Every request has its own seed, so its response does not depend on its neighbours (the
        CPU backend's arithmetic does not either; see docs/evaluation.md).
        """
        engine = self._llm.llm_engine
        running: set[str] = set()
        waiting = iter(enumerate(requests))
        depth = 4 * engine.vllm_config.scheduler_config.max_num_seqs
        try:
            while True:
                while len(running) < depth and (item := next(waiting, None)) is not None:
                    index, request = item
                    prompt = {"prompt_token_ids": list(request.prompt)}
                    engine.add_request(
                        str(index), prompt, _sampling_of(request, temperature, top_p)
                    )
                    running.add(str(index))
                if not running:
                    return
                for output in engine.step():
                    if output.finished:
                        running.discard(output.request_id)
                        made = output.outputs[0]
                        yield int(output.request_id), Generation(made.token_ids, made.finish_reason)
        finally:
            if running:
                engine.abort_request(sorted(running))

    def decode(self, responses: Sequence[Sequence[int]]) -> list[str]:
        """Texts of responses, special tokens left out."""
        return self._tokenizer.batch_decode(responses, skip_special_tokens=True)

    def close(self) -> None:
        """Let another engine start in this process.

        The engine's memory goes with the process: vLLM's shutdown collects garbage over all
        modules, which takes seconds, and a cell's evaluation is a process of its own. Rotary
        embeddings, which vLLM keeps for the next model, have no numbers after a swap that failed.
        """
        from vllm.distributed import destroy_distributed_environment, destroy_model_parallel
        from vllm.model_executor.layers import rotary_embedding

        rotary_embedding._ROPE_DICT.clear()
        destroy_model_parallel()
        destroy_distributed_environment()
        _closed.append(self._llm)

    def _check_architecture(self, folder: Path | str) -> None:
        name = differing_tensor(tensor_shapes(folder), self._shapes)
        if name is not None:
            theirs, ours = (
                shapes.get(name, "absent") for shapes in (tensor_shapes(folder), self._shapes)
            )
            raise StudyError(
                f"{folder}: another architecture than the engine's: tensor {name} is {theirs}, the "
                f"engine's is {ours}"
            )


@contextmanager
def without_collection() -> Iterator[None]:
    """Import heavy packages within this: collecting among 5,500 lasting modules takes seconds."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _sampling_of(request: Request, temperature: float, top_p: float) -> "SamplingParams":
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=temperature,
        top_p=top_p,
        seed=request.seed,
        max_tokens=request.max_tokens,
        detokenize=bool(request.stop),
        stop=list(request.stop) or None,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _cpu_options(max_model_len: int) -> dict[str, Any]:
    """Make vLLM's CPU backend ready; its arguments, the cache aside.

    Chunks of a seeded prompt crash it ("CPU Generator does not use offset"), so prompts of up to
    ``max_model_len`` tokens are prefilled whole.
    """
    import torch._dynamo

    torch._dynamo.config.disable = True  # compiling one helper costs more than it saves
    return {
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(8192, max_model_len),
        "enforce_eager": True,
    }


def cache_gib(config: "PretrainedConfig", sequences: int, max_model_len: int, dtype: str) -> float:
    """Cache of a CPU that holds ``sequences`` of full length, or half of the free memory if less.

    It is no larger because zeroing a large cache takes seconds.

    Args:
        config: The model's.
        sequences: Decoded at a time.
        max_model_len: Longest prompt plus response, in tokens.
        dtype: ``float32`` or ``bfloat16``.
    """
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    number = 2 if dtype == "bfloat16" else 4
    per_token = 2 * number * config.num_hidden_layers * key_heads * width
    blocks = -(-max_model_len // 128) + 1  # the CPU backend's blocks hold 128 tokens
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(sequences * blocks * 128 * per_token, free // 2) / 2**30
