"""GRPO on one GPU: tokens per second of each phase, beside what the device itself can do.

    PYTHONPATH=src python benchmarks/gpu_grpo.py            # Qwen2.5-0.5B's architecture
    PYTHONPATH=src python benchmarks/gpu_grpo.py --vllm     # rollouts by colocated vLLM
    PYTHONPATH=src python benchmarks/gpu_grpo.py --tiny     # two layers, anywhere: a check

Needs torch, transformers, accelerate, datasets and TRL, no network and no weights: the model is
built in code and random, so that it samples to the full length. Rollouts are by transformers, or
by vLLM in the trainer's process. The first step (warm-up) is left out. Ceilings are measured first:
a bf16 matrix product and a copy in the device's memory. What a phase must at least compute
(2 N per token and forward pass, thrice for an update, once more for recomputed activations, and
attention) and read (generation: weights and keys of every step) is set against its seconds.
"""

import argparse
import tempfile
import time

import torch

# Qwen/Qwen2.5-0.5B's config.json.
QWEN = {
    "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
    "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151936,
    "max_position_embeddings": 32768, "tie_word_embeddings": True,
}  # fmt: skip
TINY = QWEN | {"hidden_size": 56, "intermediate_size": 64, "num_hidden_layers": 2,
               "vocab_size": 512}  # fmt: skip
UPDATES, GROUP, MICRO_BATCH = 4, 8, 16


def ceilings(device: str, size: int) -> tuple[float, float]:
    """FLOP/s of a bf16 product of two size x size matrices, bytes/s of a copy (read + written)."""
    a, b = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    block = torch.empty(size * size * 4, dtype=torch.bfloat16, device=device)
    product = _seconds(lambda: a @ b, device)
    copy = _seconds(block.clone, device)
    return 2 * size**3 / product, 2 * block.numel() * block.element_size() / copy


def _seconds(work, device: str, times: int = 10) -> float:
    for _ in range(3):
        work()
    _wait(device)
    began = time.perf_counter()
    for _ in range(times):
        work()
    _wait(device)
    return (time.perf_counter() - began) / times


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def train(
    architecture: dict, *, prompts: int, completion: int, steps: int, device: str, vllm: bool
):
    """Train; returns the timings by phase of the steps after the first, and the model."""
    import pandas
    from datasets import Dataset
    from transformers import Qwen2Config, Qwen2ForCausalLM, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    from rlscale.accounting.timings import Timings, time_phases
    from rlscale.models.tiny import character_tokenizer

    timings = Timings()
    micro_batch = min(MICRO_BATCH, prompts * GROUP // UPDATES)
    parts = prompts * GROUP // UPDATES // micro_batch  # of an update

    class Steps(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            if state.global_step % UPDATES == 0:
                timings.end_step(state.global_step // UPDATES)

    torch.manual_seed(1)
    rows = [f"{i:0128d}" for i in range(prompts * steps)]  # 128 tokens, a character each
    with tempfile.TemporaryDirectory() as folder:
        # Saved and loaded: TRL makes the reference from where the model came from.
        Qwen2ForCausalLM(Qwen2Config(**architecture)).save_pretrained(f"{folder}/model")
        character_tokenizer().save_pretrained(f"{folder}/model")  # for vLLM
        model = Qwen2ForCausalLM.from_pretrained(f"{folder}/model", dtype="float32")
        trainer = GRPOTrainer(
            model=model,
            args=GRPOConfig(
                output_dir=folder,
                num_generations=GROUP,
                per_device_train_batch_size=micro_batch,
                gradient_accumulation_steps=parts,
                steps_per_generation=UPDATES * parts,
                max_steps=steps * UPDATES,
                max_completion_length=completion,
                beta=0.001,
                learning_rate=1e-6,
                gradient_checkpointing=True,
                bf16=device == "cuda",
                use_cpu=device == "cpu",
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                shuffle_dataset=False,
                seed=1,
                use_vllm=vllm,
                vllm_mode="colocate",
                vllm_gpu_memory_utilization=0.3,
                vllm_max_model_length=128 + completion,
            ),
            train_dataset=Dataset.from_dict({"prompt": rows}),
            reward_funcs=lambda completions, **_: [float(len(text) % 2) for text in completions],
            processing_class=character_tokenizer(),
            callbacks=[Steps()],
        )
        time_phases(trainer, timings, ("generation", "old_logprobs", "reference", "update"))
        trainer.train()
    table = pandas.DataFrame(timings.rows)
    return table[table["step"] > 1].groupby("phase").agg(
        seconds=("seconds", "mean"), peak=("peak_memory_bytes", "max")
    ), model


def needs(model, *, responses: int, prompt: int, completion: int) -> dict[str, tuple[float, float]]:
    """FLOPs and bytes that each phase of a step must at least compute and read."""
    own = model.config
    length = prompt + completion
    weights = sum(p.numel() for p in model.parameters())  # the embeddings are the head, too
    attention = 2 * own.num_hidden_layers * own.hidden_size * length  # per token; half is masked
    forward = responses * length * (2 * weights + attention)
    head = own.hidden_size // own.num_attention_heads
    keys = 2 * own.num_hidden_layers * own.num_key_value_heads * head * 2  # bf16, per token
    read = completion * (2 * weights + responses * keys * (prompt + completion / 2))
    return {
        "generation": (forward, read),
        "old_logprobs": (forward, 2 * weights),
        "reference": (forward, 2 * weights),
        "update": (4 * forward, UPDATES * 2 * weights),
    }


def main() -> None:
    """Measure the ceilings, train, print a row per phase."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="a small model; checks that it runs")
    parser.add_argument("--vllm", action="store_true", help="rollouts by colocated vLLM")
    parser.add_argument("--prompts", type=int, default=32, help="per step, 8 responses each")
    parser.add_argument("--completion", type=int, default=512, help="tokens of a response")
    parser.add_argument("--steps", type=int, default=4, help="the first is a warm-up")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    if device == "cpu" and not arguments.tiny:
        parser.error("there is no GPU here; --tiny checks that the benchmark runs")
    size, prompts, completion, steps = (
        8192,
        arguments.prompts,
        arguments.completion,
        arguments.steps,
    )
    if arguments.tiny:
        size, prompts, completion, steps = 256, 16, 8, 2
    flops, bandwidth = ceilings(device, size)
    print(f"{name}: {flops / 1e12:.3g} TFLOP/s (bf16 product), {bandwidth / 1e12:.3g} TB/s (copy)")
    table, model = train(
        TINY if arguments.tiny else QWEN,
        prompts=prompts, completion=completion, steps=steps, device=device,
        vllm=arguments.vllm,
    )  # fmt: skip
    responses, prompt = prompts * GROUP, 128
    least = needs(model, responses=responses, prompt=prompt, completion=completion)
    print(
        f"{responses} responses of {completion} tokens to prompts of {prompt}, {steps - 1} step(s)"
    )
    print("| phase | s | tokens/s | of the product | of the bandwidth | peak GiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for phase, row in table.iterrows():
        seconds = f"| {phase} | {row['seconds']:.3f} |"
        if phase not in least:
            print(f"{seconds} | | | {row['peak'] / 2**30:.2f} |")
            continue
        new = completion if phase == "generation" else prompt + completion
        computed, read = (need / row["seconds"] for need in least[phase])
        print(
            f"{seconds} {responses * new / row['seconds']:,.0f} | {computed / flops:.1%} "
            f"| {read / bandwidth:.1%} | {row['peak'] / 2**30:.2f} |"
        )


if __name__ == "__main__":
    main()
