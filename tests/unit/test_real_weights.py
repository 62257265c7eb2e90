"""Pretrained weights on a CPU: the shipped study, the folder made of a GGUF file, the cache."""

import pytest
import yaml
from transformers import LlamaConfig

from conftest import ROOT
from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.yaml_files import load
from rlscale.evaluation.engine import cache_gib
from rlscale.models import gguf
from rlscale.study.check import findings
from rlscale.study.estimates import memory
from rlscale.study.schema import SCHEMA, with_defaults

SMOL = {
    "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
}  # fmt: skip


def test_the_study_of_real_weights_can_run_in_the_memory_that_it_asks_for():
    document = yaml.safe_load((ROOT / "config/real.yaml").read_text())
    assert findings(document, load(SCHEMA)) == []
    config = with_defaults(document, load(SCHEMA))
    cell = Cell("main", "smollm2-135m", "base", 1, 8, 1)
    asked = config["resources"]["default"]["mem_mb"] * 2**20
    half = memory(config, cell)
    assert half.host < asked
    del config["recipes"]["main"]["grpo"]["bf16"]
    whole = memory(config, cell)
    assert half.copies == 2 * 134_515_008
    assert whole.copies == 0
    assert half.activations < whole.activations


def test_the_cache_holds_the_requests_that_come_in_their_format():
    """Two blocks of 128 tokens, 23,040 bytes of keys and values each in bfloat16."""
    config = LlamaConfig(**SMOL)
    assert cache_gib(config, 60, 100, "bfloat16") * 2**30 == 60 * 256 * 23_040
    assert cache_gib(config, 60, 100, "float32") == 2 * cache_gib(config, 60, 100, "bfloat16")


def test_a_gguf_file_that_cannot_be_read_is_refused_with_the_remedy(tmp_path, monkeypatch):
    with pytest.raises(StudyError, match="no such file; `make real-model`"):
        gguf.unpack(tmp_path / "none.gguf", tmp_path / "model")
    file = tmp_path / "empty.gguf"
    file.touch()
    monkeypatch.setattr(gguf, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match="package gguf is needed"):
        gguf.unpack(file, tmp_path / "model")
    assert not (tmp_path / "model").exists()
