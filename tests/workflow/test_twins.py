"""Toy twins of the paper's models, and of others, through all that their models would go through.

A model that is added to config/paper.yaml needs a twin in twins.py.
"""

from pathlib import Path

import pandas
import pytest
import yaml
from safetensors.torch import load_file
from training_run import RECIPE, Run
from twins import TWINS, make_twin

from conftest import ROOT
from rlscale.core.errors import StudyError
from rlscale.core.manifests import read_manifest
from rlscale.evaluation.engine import Engine, Machine, Request
from rlscale.models.folders import load_model
from rlscale.models.sources import make_model
from rlscale.models.weights import differing_tensor, tensor_shapes, weights_digest

STEPS = 24  # those of the tests' problems; two of them are kept
KEPT = {
    **RECIPE,
    "checkpoints": [0, 1, STEPS],
    "checkpoint_dtype": "bfloat16",
    "grpo": {**RECIPE["grpo"], "max_completion_length": 2},
}
PROBES = [[10, 11, 12, 13], [40, 41, 42]]


def test_every_model_of_the_paper_has_a_twin():
    paper = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    assert set(paper["models"]) <= set(TWINS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, training_inputs):
    """A twin, taken into a study and trained in bfloat16; made once."""
    made: dict[str, Run] = {}

    def of(name: str) -> Run:
        if name not in made:
            root = tmp_path_factory.mktemp(name)
            make_twin(TWINS[name], root / "theirs")
            make_model(
                identity={"model": name, "family": "twins", "n_params_nominal": None},
                settings={"variant": "base", "source": {"folder": str(root / "theirs")}},
                corpus=None, base=None, weights=root / "weights", state=root / "made",
                manifest=root / "model" / "manifest.json",
            )  # fmt: skip
            (root / "data").symlink_to(training_inputs / "data")
            made[name] = Run(root / "run", root, engine={"bf16": True})
            made[name].finish(KEPT)
        return made[name]

    return of


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_taken_trained_and_kept_as_a_model_of_its_own_kind(name, trained):
    run = trained(name)
    manifest = read_manifest(run.outputs / "train.json", "train")
    assert manifest["status"] == "ok"
    start, *kept = [Path(entry["path"]) for entry in manifest["checkpoints"]]
    own = load_file(start / "model.safetensors")
    assert ("lm_head.weight" in own) != TWINS[name].tied
    for folder in kept:
        tensors = load_file(folder / "model.safetensors")
        assert differing_tensor(tensor_shapes(folder), tensor_shapes(start)) is None
        assert tensors.keys() == own.keys()
        assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.bfloat16"}
        assert weights_digest(folder) != weights_digest(start)
        load_model(folder, name, trusted=False)
    assert (pandas.read_csv(run.outputs / "ledger.csv")["flops"] > 0).all()


# One of each way in which weights lie in a file.
ENGINES = ["qwen2.5-0.5b", "qwen2.5-7b", "llama-3-1b", "qwen3-0.6b", "gemma-3-1b", "qwen3-30b-a3b"]


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_runs_each_of_a_twins_checkpoints(name, trained):
    manifest = read_manifest(trained(name).outputs / "train.json", "train")
    start, *kept = [entry["path"] for entry in manifest["checkpoints"]]
    engine = Engine(
        start, dtype="bfloat16", max_model_len=32, cpu_threads=1,
        machine=Machine(max_num_seqs=8, kv_cache_gib=0.1),
    )  # fmt: skip
    try:
        engine.prove(start, PROBES)
        for folder in kept:
            if TWINS[name].kind == "qwen3_moe":  # experts are packed here for good; said in words
                with pytest.raises(StudyError, match="the weights cannot be loaded"):
                    engine.swap(folder, PROBES)
                return
            engine.swap(folder, PROBES)
        requests = [Request(prompt, seed=5, max_tokens=4) for prompt in PROBES]
        made = dict(engine.generate(requests, temperature=1.0, top_p=1.0))
        assert all(0 < len(made[i].tokens) <= 4 for i in range(len(PROBES)))
    finally:
        engine.close()
