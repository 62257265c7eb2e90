"""Toy twins of the paper's models, and of others, through all that their models would go through.

A model that is added to config/paper.yaml needs a twin in twins.py.
"""

import textwrap
from pathlib import Path
from typing import Any

import pandas
import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny_cell import settings, write_benchmark
from training_run import RECIPE, Run
from twins import NESTED, TWINS, make_nested, make_twin

from conftest import ROOT
from rlscale.core.errors import StudyError
from rlscale.core.manifests import read_manifest
from rlscale.core.tables import read_curves
from rlscale.curves.assemble import make_curve
from rlscale.evaluation.asking import Questions
from rlscale.evaluation.benchmarks import problem_table
from rlscale.evaluation.engine import Engine, Machine, Request
from rlscale.evaluation.evaluate import evaluate_cell
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


def take(name: str, root: Path) -> None:
    """Take the model in ``theirs`` into a study."""
    make_model(
        identity={"model": name, "family": "twins", "n_params_nominal": None},
        settings={"variant": "base", "source": {"folder": str(root / "theirs")}},
        corpus=None, base=None, weights=root / "weights", state=root / "made",
        manifest=root / "model" / "manifest.json",
    )  # fmt: skip


def language_part(folder: Path, other_folder: Path) -> dict[str, Any]:
    """Run what docs/training.md says of a model that sees images; returns its names."""
    page = (ROOT / "docs/training.md").read_text()
    lines = page[page.index("    from transformers import AutoModelForCausalLM, AutoModelForI") :]
    names: dict[str, Any] = {"folder": folder, "other_folder": other_folder}
    exec(textwrap.dedent(lines[: lines.index("\n\nGemma 3")]), names)
    return names


@pytest.fixture(scope="module")
def trained(tmp_path_factory, training_inputs):
    """A twin, taken into a study and trained in bfloat16; made once."""
    made: dict[str, Run] = {}

    def of(name: str) -> Run:
        if name not in made:
            root = tmp_path_factory.mktemp(name)
            if name in NESTED:
                make_nested(name, root / "whole")
                language_part(root / "whole", root / "theirs")
            else:
                make_twin(TWINS[name], root / "theirs")
            take(name, root)
            (root / "data").symlink_to(training_inputs / "data")
            made[name] = Run(root / "run", root, engine={"bf16": True})
            made[name].finish(KEPT)
        return made[name]

    return of


@pytest.mark.parametrize("name", NESTED)
def test_a_model_that_sees_images_is_refused_and_its_language_part_is_a_model(name, tmp_path):
    make_nested(name, tmp_path / "theirs")
    with pytest.raises(StudyError, match=f"{name}-base: .* keep its language part alone"):
        take(name, tmp_path)
    names = language_part(tmp_path / "theirs", tmp_path / "part")
    part = load_model(tmp_path / "part", name, trusted=False)
    ids = torch.arange(10, 20)[None]
    assert torch.equal(part(ids).logits, names["whole"](input_ids=ids).logits)
    assert not any("visi" in key for key in tensor_shapes(tmp_path / "part"))


@pytest.mark.long
@pytest.mark.parametrize("name", NESTED)
def test_the_language_part_of_a_model_that_sees_images_is_trained(name, trained):
    manifest = read_manifest(trained(name).outputs / "train.json", "train")
    start, *kept = [Path(entry["path"]) for entry in manifest["checkpoints"]]
    for folder in kept:
        assert differing_tensor(tensor_shapes(folder), tensor_shapes(start)) is None
        load_model(folder, name, trusted=False)


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


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in TWINS if TWINS[name].kind != "qwen3_moe"])
def test_a_twins_cell_is_evaluated_and_has_a_curve(name, trained, tmp_path):
    run = trained(name)
    sums = {f"{a}+{b}=": str(a + b) for a in range(5) for b in range(4)}
    write_benchmark(tmp_path / "sums", problem_table(list(sums), list(sums.values()), source="us"))
    made = {"manifest": "eval.json", "outcomes": "outcomes.parquet"}
    made |= {"scores": "scores.csv", "metrics": "eval_metrics.csv"}
    evaluate_cell(
        Questions(
            problems={"sums": tmp_path / "sums/manifest.json"},
            settings=settings(["sums"], 2, dtype="bfloat16"),
            samples=run.outputs / "samples.parquet",
            journal=tmp_path / "journal",
        ),
        Machine(max_num_seqs=8, kv_cache_gib=0.1),
        train_manifest=run.outputs / "train.json",
        outputs={key: run.outputs / file for key, file in made.items()},
    )
    curve = tmp_path / "curve.csv"
    make_curve(
        "twins", "0" * 16, [2], train=run.outputs / "train.json",
        evaluation=run.outputs / "eval.json", curve=curve, costs=tmp_path / "costs.csv",
    )  # fmt: skip
    table = read_curves(curve)
    manifest = read_manifest(run.outputs / "train.json", "train")
    assert table["step"].tolist() == [0, 1, STEPS]
    assert set(table["n_params"]) == {manifest["n_params"]}
    tokens = table["tokens"].to_numpy()
    assert (table["compute_flops"] == 6 * manifest["n_params"] * tokens).all()
    assert (table["n_samples"] == 2 * len(sums)).all()
