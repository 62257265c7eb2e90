"""The warm engine: it agrees with transformers before and after swaps, and refuses poison."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_cell import ARCHITECTURE, save_model

from rlscale.core.errors import StudyError
from rlscale.evaluation.engine import Engine, Machine, Request, WorkerExtension
from rlscale.models.tiny import character_tokenizer, new_model
from rlscale.models.weights import reference_log_probabilities, weights_digest

PROMPTS = [[10 + (7 * i + j * j) % 90 for j in range(3 + i % 9)] for i in range(100)]
PROBES = PROMPTS[:4]


def start(folder):
    return Engine(folder, dtype="float32", max_model_len=40, cpu_threads=1, machine=Machine())


def greedy(engine):
    requests = [Request(prompt, 0, 12) for prompt in PROMPTS]
    made = dict(engine.generate(requests, temperature=0.0, top_p=1.0))
    return [list(made[i].tokens) for i in range(len(PROMPTS))]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for seed in range(2):
        save_model(root / f"m{seed}", seed)
    return root


@pytest.fixture(scope="module")
def fresh(models):
    """Greedy responses of an engine that was started with the second model."""
    engine = start(models / "m1")
    engine.prove(models / "m1", PROBES)
    made = greedy(engine)
    engine.close()
    return made


@pytest.fixture(scope="module")
def engine(models, fresh):
    engine = start(models / "m0")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def reference(models):
    """Greedy responses by transformers, with the margin of the closest call of each."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(models / "m1", dtype="float32")
    made, margins = [], []
    with torch.inference_mode():
        for prompt in PROMPTS:
            ids, margin = list(prompt), math.inf
            for _ in range(12):
                best = model(torch.tensor([ids])).logits[0, -1].topk(2)
                margin = min(margin, (best.values[0] - best.values[1]).item())
                ids.append(best.indices[0].item())
                if ids[-1] == model.config.eos_token_id:
                    break
            made.append(ids[len(prompt) :])
            margins.append(margin)
    return made, margins


def test_greedy_responses_are_those_of_transformers_fresh_and_swapped(
    models, fresh, engine, reference
):
    engine.swap(models / "m1", PROBES)
    swapped = greedy(engine)
    assert swapped == fresh
    made, margins = reference
    assert len({tuple(tokens) for tokens in made}) > 50, "the models must say different things"
    # A tie is a choice between logits closer than rounding; none is expected among these.
    differing = [i for i in range(100) if fresh[i] != made[i] and margins[i] > 1e-4]
    assert differing == []
    engine.swap(models / "m0", PROBES)
    assert greedy(engine) != fresh
    engine.swap(models / "m1", PROBES)
    assert greedy(engine) == fresh


@pytest.mark.parametrize("length", [1, 4])
def test_sampled_pass_at_1_is_within_binomial_error(models, engine, length):
    """How often the greedy answer of some tokens is sampled at T = 0.7, against its probability."""
    import torch
    from transformers import AutoModelForCausalLM

    engine.swap(models / "m1", PROBES)
    model = AutoModelForCausalLM.from_pretrained(models / "m1", dtype="float32")
    count = 400
    for prompt in PROMPTS[:5]:
        answer, chance = [], 1.0
        for _ in range(length):
            with torch.inference_mode():
                scores = model(torch.tensor([[*prompt, *answer]])).logits[0, -1] / 0.7
            share, token = scores.softmax(-1).max(-1)
            answer.append(token.item())
            chance *= share.item()
        requests = [Request(prompt, seed, length) for seed in range(count)]
        made = engine.generate(requests, temperature=0.7, top_p=1.0)
        hits = sum(list(generation.tokens) == answer for _, generation in made)
        assert abs(hits - count * chance) < 4 * math.sqrt(count * chance * (1 - chance)) + 1


def test_responses_do_not_depend_on_how_requests_are_batched(models, engine):
    engine.swap(models / "m0", PROBES)
    requests = [Request(prompt, seed, 12) for seed in range(3) for prompt in PROMPTS]

    def sample(order, size):
        made = {}
        for first in range(0, len(order), size):
            part = order[first : first + size]
            batch = engine.generate([requests[i] for i in part], temperature=0.7, top_p=1.0)
            made |= {part[i]: list(generation.tokens) for i, generation in batch}
        return made

    whole = sample(list(range(300)), 300)
    assert sample(list(reversed(range(300))), 300) == whole
    assert sample([(7 * i) % 300 for i in range(300)], 41) == whole


def test_log_probabilities_are_those_of_transformers(models, engine):
    engine.swap(models / "m1", PROBES)
    ours = engine.log_probabilities(PROMPTS)
    theirs = reference_log_probabilities(models / "m1", PROMPTS, "float32", False)
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 1e-4


def off_by_a_bit(folder, made, name, dtype):
    """A copy of a model in which one number of one tensor has its last bit changed."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, made)
    tensors = load_file(folder / "model.safetensors")
    flat = tensors[name].view(-1)
    place = flat.abs().argmax()
    bits = {torch.float32: torch.int32, torch.bfloat16: torch.int16}[dtype]
    next_number = (flat[place : place + 1].to(dtype).view(bits) + 1).view(dtype)
    smallest = torch.finfo(dtype).smallest_normal * 2  # biases here are zeros
    flat[place] = max(next_number.item(), smallest)
    save_file(tensors, made / "model.safetensors", metadata={"format": "pt"})


# Packed layers, a bias within a fused one, a norm, and the embedding, which is the head.
KINDS = ["self_attn.v_proj.weight", "self_attn.k_proj.bias", "mlp.down_proj.weight",
         "input_layernorm.weight", "embed_tokens"]  # fmt: skip


def name_of(kind):
    return "model.embed_tokens.weight" if kind == "embed_tokens" else f"model.layers.1.{kind}"


@pytest.mark.parametrize("kind", KINDS)
def test_one_number_that_is_off_by_its_last_bit_is_found(models, engine, tmp_path, kind):
    import torch

    engine.swap(models / "m1", PROBES)
    off_by_a_bit(models / "m1", tmp_path / "off", name_of(kind), torch.float32)
    with pytest.raises(StudyError, match=r"1 of its tensors|2 of its tensors"):
        engine.prove(tmp_path / "off", PROBES)


@pytest.fixture(scope="module")
def rounded(models):
    """An engine in bfloat16 over files in float32."""
    engine = Engine(
        models / "m0", dtype="bfloat16", max_model_len=40, cpu_threads=1, machine=Machine()
    )
    yield engine
    engine.close()


def test_rounding_to_the_engines_format_is_no_difference(models, rounded, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    rounded.prove(models / "m0", PROBES)
    rounded.swap(models / "m1", PROBES)
    model = AutoModelForCausalLM.from_pretrained(models / "m1", dtype="bfloat16")
    model.save_pretrained(tmp_path / "half")
    AutoTokenizer.from_pretrained(models / "m1").save_pretrained(tmp_path / "half")
    rounded.prove(tmp_path / "half", PROBES)
    with pytest.raises(StudyError, match="does not run this checkpoint"):
        rounded.prove(models / "m0", PROBES)


@pytest.mark.parametrize("kind", KINDS)
def test_in_bfloat16_too(models, rounded, tmp_path, kind):
    import torch

    rounded.swap(models / "m1", PROBES)
    off_by_a_bit(models / "m1", tmp_path / "off", name_of(kind), torch.bfloat16)
    with pytest.raises(StudyError, match="does not run this checkpoint"):
        rounded.prove(tmp_path / "off", PROBES)


def test_a_head_that_only_one_of_two_files_states_is_the_same_architecture(
    models, engine, tmp_path
):
    from safetensors.torch import load_file, save_file

    shutil.copytree(models / "m1", tmp_path / "stated")
    tensors = load_file(models / "m1" / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, tmp_path / "stated" / "model.safetensors", metadata={"format": "pt"})
    engine.swap(tmp_path / "stated", PROBES)
    engine.swap(models / "m0", PROBES)


def test_a_head_that_keeps_the_old_embedding_is_caught(models, engine, monkeypatch):
    """vLLM's silent failure on the CPU backend, restored by leaving its cure out."""
    engine.swap(models / "m0", PROBES)
    with monkeypatch.context() as context:
        context.setattr(type(engine_worker(engine)), "repack_heads", lambda worker: None)
        with pytest.raises(StudyError, match="nothing was scored"):
            engine.swap(models / "m1", PROBES)
    engine.swap(models / "m1", PROBES)


def engine_worker(engine):
    executor = engine._llm.llm_engine.engine_core.engine_core.model_executor
    worker = executor.driver_worker.worker
    assert isinstance(worker, WorkerExtension)
    return worker


def test_a_reload_that_does_nothing_is_caught(models, engine, monkeypatch):
    engine.swap(models / "m0", PROBES)
    original = engine._llm.collective_rpc
    monkeypatch.setattr(
        engine._llm,
        "collective_rpc",
        lambda name, **rest: None if name == "reload_weights" else original(name, **rest),
    )
    with pytest.raises(StudyError, match="nothing was scored"):
        engine.swap(models / "m1", PROBES)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_truncated_weights_are_refused(models, engine, tmp_path, kept):
    folder = tmp_path / "cut"
    shutil.copytree(models / "m1", folder)
    file = folder / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(StudyError, match=r"cut.*(not a complete|cannot be loaded)"):
        engine.swap(folder, PROBES)
    engine.swap(models / "m1", PROBES)


def test_another_architecture_is_refused(engine, tmp_path):
    save_model(tmp_path / "wide", 1, intermediate_size=128)
    with pytest.raises(StudyError, match=r"another architecture.*mlp"):
        engine.swap(tmp_path / "wide", PROBES)
    save_model(tmp_path / "deep", 1, num_hidden_layers=3)
    with pytest.raises(StudyError, match=r"another architecture.*layers\.2"):
        engine.swap(tmp_path / "deep", PROBES)


def test_an_empty_folder_is_refused(engine, tmp_path):
    with pytest.raises(StudyError, match=r"no \.safetensors"):
        engine.swap(tmp_path, PROBES)


def test_the_digest_covers_weights_and_configuration(models, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(models / "m0", folder)
    before = weights_digest(folder)
    assert before == weights_digest(models / "m0") != weights_digest(models / "m1")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "rope_theta": 1.0}))
    assert weights_digest(folder) != before


def test_two_workers_prove_their_shares(tmp_path):
    """Biases are shared out with their rows, as those of Qwen2.5 are."""
    import torch

    tokenizer = character_tokenizer()
    model = new_model(ARCHITECTURE, tokenizer, seed=1)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("bias"):
                value.normal_(0, 2)
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    off_by_a_bit(
        tmp_path / "model", tmp_path / "off", "model.layers.1.self_attn.v_proj.bias", torch.float32
    )
    script = Path(__file__).with_name("two_workers.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "model"), str(tmp_path / "off")],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert "proved" in done.stdout, done.stderr[-3000:]
    assert "1 of its tensors are not the files', model.layers.1.self_attn.qkv_proj" in done.stdout
