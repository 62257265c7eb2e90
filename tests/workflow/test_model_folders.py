"""Model folders as people have them: whole ones are taken, all others are refused by tensor."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from their_model import their_model
from transformers import AutoModelForCausalLM

from rlscale.core.errors import StudyError
from rlscale.core.manifests import read_manifest
from rlscale.models.sources import make_model
from rlscale.models.tiny import character_tokenizer

EMBEDDING, GATE = "model.embed_tokens.weight", "model.layers.0.mlp.gate_proj.weight"


@pytest.fixture
def folder(tmp_path) -> Path:
    return their_model(tmp_path / "theirs")


def change(folder: Path, edit: Callable[[dict], dict], name: str = "model.safetensors") -> None:
    """Write the weights with other tensors."""
    tensors = edit(load_file(folder / "model.safetensors"))
    copies = {key: value.contiguous().clone() for key, value in tensors.items()}
    save_file(copies, folder / name, metadata={"format": "pt"})


def take(folder: Path) -> Path:
    """Take the model into a study; returns the folder of its copy."""
    root = folder.parent / "study"
    make_model(
        identity={"model": "theirs", "family": "t", "n_params_nominal": None},
        settings={"variant": "base", "source": {"folder": str(folder)}},
        corpus=None,
        base=None,
        weights=root / "weights",
        state=root / "state",
        manifest=root / "manifest.json",
    )
    return Path(read_manifest(root / "manifest.json", "model")["weights"])


def with_head(tensors: dict, more: float) -> dict:
    return {**tensors, "lm_head.weight": tensors[EMBEDDING] + more}


@pytest.mark.parametrize(
    "edit",
    [
        lambda tensors: tensors,
        lambda tensors: with_head(tensors, 0.0),
        lambda t: {**t, "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(16)},
    ],
    ids=["as saved", "with the tied head", "with a rotary buffer"],
)
def test_a_whole_model_is_taken_as_it_is(folder, edit):
    change(folder, edit)
    theirs = load_file(folder / "model.safetensors")
    ours = AutoModelForCausalLM.from_pretrained(take(folder)).state_dict()
    kept = [key for key in theirs if key in ours]
    assert len(kept) >= len(ours) - 1
    assert all(torch.equal(ours[key], theirs[key]) for key in kept)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: {k: v for k, v in t.items() if k != GATE}, f"1 missing: {GATE}; missing ones"),
        (lambda t: {**t, "extra.weight": t[GATE]}, "1 left over: extra.weight"),
        (lambda t: {**t, GATE: t[GATE][:8]}, r"of another shape: .*\(8, 32\) in the file"),
        (lambda t: {"_orig_mod." + k: v for k, v in t.items()}, "saved from a compiled model"),
        (lambda t: {"base_model.model." + k: v for k, v in t.items()}, "adapters; merge them"),
        (lambda t: with_head(t, 1.0), "ties the output head .* two different ones"),
        (lambda t: {**t, GATE: t[GATE] * float("nan")}, f"{GATE} holds numbers that are not fin"),
    ],
)
def test_tensors_that_are_not_the_models_are_named(folder, edit, message):
    change(folder, edit)
    with pytest.raises(StudyError, match=message):
        take(folder)


def test_a_second_set_of_weights_is_refused_where_no_index_tells_them_apart(folder):
    change(folder, lambda t: {k: v + 0.5 for k, v in t.items()}, "old_model.safetensors")
    with pytest.raises(StudyError, match=r"without model\.safetensors\.index"):
        take(folder)


def test_of_an_index_only_its_own_files_are_taken(folder):
    change(folder, lambda tensors: tensors, "part-1.safetensors")
    change(folder, lambda t: {k: v + 0.5 for k, v in t.items()}, "consolidated.safetensors")
    names = dict.fromkeys(load_file(folder / "model.safetensors"), "part-1.safetensors")
    index = {"metadata": {}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(StudyError, match="two sets of weights"):
        take(folder)
    (folder / "model.safetensors").unlink()
    taken = {path.name for path in take(folder).glob("*.safetensors")}
    assert taken == {"part-1.safetensors"}
    index["weight_map"][GATE] = "part-2.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(StudyError, match=r"names part-2\.safetensors, which is not"):
        take(folder)


def test_adapters_beside_a_model_are_refused(folder):
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(StudyError, match="merge them into the model first"):
        take(folder)


def test_a_tokenizer_with_more_ids_than_the_embedding_is_refused(folder):
    tokenizer = character_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.save_pretrained(folder)
    with pytest.raises(StudyError, match=r"token '\[PAD\]' with id 104, .* embedding has 104 rows"):
        take(folder)
