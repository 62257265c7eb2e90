"""Model folders made to harm: each ends in a sentence that names the file, within limits."""

import json
import os
import string
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from their_model import their_model
from transformers import AutoTokenizer

from rlscale.core.errors import StudyError
from rlscale.models import gguf, prompts, trial
from rlscale.models.folders import copy_model, load_model

INDEX = "model.safetensors.index.json"
TENSOR = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
DOUBLED = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 100}


@pytest.fixture
def folder(tmp_path) -> Path:
    return their_model(tmp_path / "theirs")


def take(folder: Path) -> Path:
    part = folder.parent / "part"
    part.mkdir(exist_ok=True)
    copy_model(folder, part, trusted=False)
    load_model(part, "theirs", trusted=False)
    return part


def change(file: Path, **values: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def weights(header: object, size: int, length: int | None = None) -> Callable[[Path], object]:
    text = json.dumps(header).encode()
    content = struct.pack("<Q", length or len(text)) + text + bytes(size)
    return lambda folder: (folder / "model.safetensors").write_bytes(content)


def written(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def configured(**values: object) -> Callable[[Path], object]:
    return lambda folder: change(folder / "config.json", **values)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (weights({"a": TENSOR}, 16, 2**62), "header too large"),
        (weights({"a": TENSOR, "b": TENSOR}, 16), "invalid offset"),
        (weights({"a": TENSOR | {"shape": [2**40, 2**40]}}, 16), "overflow"),
        (weights({"a": TENSOR | {"dtype": "F64"}}, 16), "invalid shape, data type"),
        (weights({"a": TENSOR | {"data_offsets": [16, 32]}}, 32), "invalid offset"),
        (written(INDEX, "[]"), rf"{INDEX}: its weight_map does not lead"),
        (written(INDEX, '{"weight_map": {}}'), "weight_map does not lead"),
        (written(INDEX, '{"weight_map": {"a": ["x"]}}'), "weight_map does not lead"),
        (written(INDEX, '{"weight_map": {"a": "../x.safetensors"}}'), "weight_map does not lead"),
        (configured(vocab_size=10**12), "config.json: .* a model of 3.2e.13 numbers"),
        (configured(max_position_embeddings=10**12), "beyond any model's context"),
        (configured(num_attention_heads=0), "config.json: ZeroDivisionError"),
        (configured(dtype="evil"), "config.json: AttributeError"),
        (configured(attn_implementation="me/kernel"), "cannot be loaded .*config.json"),
        (configured(auto_map="os.system"), "config.json: .*auto_map is none"),
        (configured(auto_map={"AutoConfig": {"a": 1}}), "auto_map does not lead to names"),
        (written("config.json", "[]"), "config.json: no object"),
        (written("tokenizer_config.json", "[]"), "tokenizer_config.json: no object"),
        (written("tokenizer.json", "[" * 100_000), "tokenizer.json.*RecursionError"),
        (written("generation_config.json", "[]"), "cannot be loaded"),
        (written("a\x1b[2J.json", "{}"), r"'a\\x1b\[2J.json' is no name"),
        (lambda folder: os.mkfifo(folder / "vocab.json"), "vocab.json: no regular file"),
        (lambda folder: (folder / INDEX).symlink_to("/etc/hostname"), f"{INDEX}: a link to"),
        (lambda f: os.truncate(f / "config.json", 2**29), "config.json: 536870912 bytes, more"),
        (lambda f: os.truncate(f / "model.safetensors", 2**43), "takes 8192.0 GiB, and .* has"),
    ],
)  # fmt: skip
def test_a_folder_made_to_harm_ends_in_a_sentence(folder, harm, said):
    harm(folder)
    with pytest.raises(StudyError, match=said):
        take(folder)


def test_a_tensor_that_two_files_hold_is_refused(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    for name in ("a", "b"):
        (folder / f"{name}.safetensors").write_bytes(content)
    index = {"metadata": {}, "weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(StudyError, match=r"a\.safetensors and b\.safetensors both hold"):
        take(folder)


def test_layers_without_end_are_tried_within_limits(folder, monkeypatch):
    monkeypatch.setattr(trial, "_SECONDS", 5)
    layers = {"num_hidden_layers": 10**6, "layer_types": ["full_attention"] * 10**6}
    change(folder / "config.json", **layers)
    with pytest.raises(StudyError, match=r"config\.json took 5 s of CPU time or 4 GiB"):
        take(folder)


def test_a_tokenizer_that_swells_is_tried_within_limits(folder, monkeypatch):
    monkeypatch.setattr(trial, "_MEMORY", 1 << 30)
    change(folder / "config.json", model_type="smollm3")  # whose tokenizers are as the file says
    many = {"type": "Sequence", "normalizers": [DOUBLED] * 6}
    change(folder / "tokenizer.json", normalizer=many)
    with pytest.raises(StudyError, match=r"the tokenizer .* took 120 s of CPU time or 1 GiB"):
        trial.try_model(folder, trusted=False)
    change(folder / "tokenizer.json", normalizer=DOUBLED)
    trial.try_model(folder, trusted=False)


def field(name: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value


LLAMA = field("general.architecture", 8, struct.pack("<Q", 5) + b"llama")


@pytest.mark.parametrize(
    ("tensors", "fields", "rest"),
    [
        (2**62, 2**62, b""),
        (0, 1, struct.pack("<Q", 2**62) + b"abc"),
        (0, 1, field("a", 9, struct.pack("<IQ", 4, 2**60)) + bytes(64)),
        (0, 1, field("a", 9, struct.pack("<IQ", 9, 1) * 5000)),
        (0, 3, LLAMA + field("llama.block_count", 4, struct.pack("<I", 2**31))
         + field("llama.embedding_length", 4, struct.pack("<I", 2**31))),
        (1, 1, LLAMA + field("t", 2, struct.pack("<QQIQ", 2**40, 2**40, 0, 0)) + bytes(99)),
    ],
)  # fmt: skip
def test_a_gguf_file_of_impossible_counts_is_refused(tmp_path, tensors, fields, rest):
    pytest.importorskip("gguf", reason="no environment has it; `make real-model` fetches it")
    file = tmp_path / "theirs.gguf"
    file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, tensors, fields) + rest)
    with pytest.raises(StudyError, match=r"transformers cannot read it \(theirs\.gguf: "):
        gguf.unpack(file, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
         "{% endfor %}{% endfor %}{% endfor %}", "TimeoutError: more than 0.5 s of CPU time"),
        ("{{ ('a' * 30000000000)|length }}", "MemoryError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ raise_exception('not so') }}", "TemplateError: not so"),
        ("{% for %}", "TemplateSyntaxError"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
        ("{% include '/etc/hostname' %}", "TypeError: no loader"),
    ],
)  # fmt: skip
def test_a_chat_template_takes_no_more_than_its_limits(folder, monkeypatch, template, said):
    monkeypatch.setattr(prompts, "_SECONDS", 0.5)
    (folder / "chat_template.jinja").write_text(template)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with pytest.raises(StudyError, match=f"theirs: the chat template fails on a .*{said}"):
        prompts.in_form(tokenizer, "1+1", "chat")


def test_a_whole_folder_is_taken_and_its_template_used(folder):
    tokenizer = AutoTokenizer.from_pretrained(take(folder))
    assert prompts.in_form(tokenizer, string.digits, "chat") == f"<user>{string.digits}<assistant>"
