"""Toy twins of the paper's models, and of others, through all that their models would go through.

A model that is added to config/paper.yaml needs a twin in twins.py.
"""

import importlib.util
import textwrap
from pathlib import Path
from typing import Any

import pandas
import pytest
import torch
import yaml
from safetensors.torch import load_file
from test_fsdp import shared_model as sharing_by_fsdp2
from test_processes import two_processes
from test_zero3 import shared_model as sharing_by_zero3
from tiny_cell import settings, write_benchmark
from training_run import RECIPE, Run
from twins import NESTED, TWINS, architecture, make_nested, make_twin

from conftest import ROOT
from rlscale.answers.api import fit
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
from rlscale.study.plan import plan_study

STEPS = 24  # those of the tests' problems
KEPT = {
    **RECIPE,
    "checkpoints": [0, 1, 2, STEPS],
    "checkpoint_dtype": "bfloat16",
    "grpo": {**RECIPE["grpo"], "max_completion_length": 2},
}
PROBLEMS, SAMPLES = 20, 32
PAPER = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
PROBES = [[10, 11, 12, 13], [40, 41, 42]]


def test_every_model_of_the_paper_has_a_twin():
    assert set(PAPER["models"]) <= set(TWINS)


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
def taken(tmp_path_factory, training_inputs):
    """The folder of a study that has taken a twin in; made once."""
    made: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in made:
            root = made[name] = tmp_path_factory.mktemp(name)
            if name in NESTED:
                make_nested(name, root / "whole")
                language_part(root / "whole", root / "theirs")
            else:
                make_twin(TWINS[name], root / "theirs")
            take(name, root)
            (root / "data").symlink_to(training_inputs / "data")
        return made[name]

    return of


@pytest.fixture(scope="module")
def trained(taken):
    """A twin, taken into a study and trained in bfloat16; made once."""
    made: dict[str, Run] = {}

    def of(name: str) -> Run:
        if name not in made:
            root = taken(name)
            made[name] = Run(root / "run", root, engine={"bf16": True})
            made[name].cell = f"main/{name}-base/tau1-g4/seed1"
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


ENGINE_TWINS = [name for name in TWINS if TWINS[name].kind != "qwen3_moe"]  # as above


@pytest.fixture(scope="module")
def curve_of(trained, tmp_path_factory):
    """A twin's cell, evaluated by swaps of its checkpoints, and its curve; made once."""
    made: dict[str, pandas.DataFrame] = {}

    def of(name: str) -> pandas.DataFrame:
        if name not in made:
            made[name] = curve(trained(name), tmp_path_factory.mktemp(f"{name}-evaluated"))
        return made[name]

    return of


def curve(run: Run, folder: Path) -> pandas.DataFrame:
    """Evaluate a run's checkpoints and join its curve."""
    sums = {f"{a}+{b}=": str(a + b) for a in range(5) for b in range(4)}
    write_benchmark(folder / "sums", problem_table(list(sums), list(sums.values()), source="us"))
    made = {"manifest": "eval.json", "outcomes": "outcomes.parquet"}
    made |= {"scores": "scores.csv", "metrics": "eval_metrics.csv"}
    evaluate_cell(
        Questions(
            problems={"sums": folder / "sums/manifest.json"},
            settings=settings(["sums"], SAMPLES, dtype="bfloat16"),
            samples=run.outputs / "samples.parquet",
            journal=folder / "journal",
        ),
        Machine(max_num_seqs=64, kv_cache_gib=0.1),
        train_manifest=run.outputs / "train.json",
        outputs={key: run.outputs / file for key, file in made.items()},
    )
    make_curve(
        "twins", "0" * 16, [2], train=run.outputs / "train.json",
        evaluation=run.outputs / "eval.json", curve=folder / "curve.csv",
        costs=folder / "costs.csv",
    )  # fmt: skip
    return read_curves(folder / "curve.csv")


@pytest.mark.long
@pytest.mark.parametrize("name", ENGINE_TWINS)
def test_a_twins_cell_is_evaluated_and_has_a_curve(name, trained, curve_of):
    table = curve_of(name)
    manifest = read_manifest(trained(name).outputs / "train.json", "train")
    assert table["step"].tolist() == KEPT["checkpoints"]
    assert set(table["n_params"]) == {manifest["n_params"]}
    tokens = table["tokens"].to_numpy()
    assert (table["compute_flops"] == 6 * manifest["n_params"] * tokens).all()
    assert (table["n_samples"] == SAMPLES * PROBLEMS).all()


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_planned_as_it_is(name, trained):
    """The plan reads no weights: its N, bytes and floating-point operations are those found."""
    run = trained(name)
    manifest = read_manifest(run.outputs / "train.json", "train")
    (row,) = plan_study(planned(name)).to_dict("records")
    assert row["cell"] == manifest["name"]
    assert row["n_params"] == manifest["n_params"]
    assert row["compute_flops"] == 6 * row["n_params"] * row["tokens"]
    ledger = pandas.read_csv(run.outputs / "ledger.csv")
    found = ledger[ledger["phase"] == "update"][["prompt_tokens", "completion_tokens"]].sum().sum()
    assert found <= row["tokens"]  # responses may end before their last token
    assert ledger["compute_flops"].sum() == 6 * row["n_params"] * found
    kept = [Path(entry["path"]) for entry in manifest["checkpoints"] if entry["step"]]
    on_disk = sum((folder / "model.safetensors").stat().st_size for folder in kept)
    assert 0 <= on_disk / 2**30 - row["checkpoints_gib"] < len(kept) * 2**16 / 2**30  # headers
    assert row["node_gib"] > row["state_gib"] > 0


def planned(name: str) -> dict[str, Any]:
    """A study of a twin's cell, as a configuration says it."""
    source = {"folder": "theirs"}
    sweep = {"recipe": "main", "model": [name], "variant": ["base"], "tau": [1]}
    rates = {"prompt_tokens": 4, "completion_tokens": 2, "problems_per_benchmark": PROBLEMS}
    return {
        "study": "twins",
        "data": {"sums": {"verifier": "number"}},
        "models": {name: {"architecture": architecture(TWINS[name]), "base": source}},
        "recipes": {"main": KEPT},
        "sweeps": [{**sweep, "name": "size", "group_size": [4], "seed": [1]}],
        "training": {"overrides": [], "checkpoints_on_disk": 0},
        "benchmarks": {"sums": {"samples": SAMPLES}},
        "evaluation": {"max_tokens": 8},
        "resources": {
            "default": {"gpus": 0, "mem_mb": 4000, "minutes": 60},
            "models": {},
            "plan": {**rates, "device_flops": 1e12, "training_utilisation": 0.5,
                     "generation_utilisation": 0.1},
        },
    }  # fmt: skip


LAUNCHES = {"ddp": two_processes, "fsdp2": sharing_by_fsdp2, "deepspeed_zero3": sharing_by_zero3}


@pytest.mark.long
@pytest.mark.parametrize("name", PAPER["models"])
def test_a_twin_is_trained_by_its_models_launch(name, taken, tmp_path):
    """Two processes of those that config/paper.yaml starts, and two steps."""
    launch = PAPER["resources"]["models"][name]["launch"]
    if launch == "deepspeed_zero3" and importlib.util.find_spec("deepspeed") is None:
        pytest.skip("no DeepSpeed here")
    run = LAUNCHES[launch](tmp_path / "run", taken(name), micro_batch=24)
    run.finish({**KEPT, "steps": 2, "prompts_per_step": STEPS * 4, "checkpoints": [0, 1, 2]})
    start, *kept = read_manifest(run.outputs / "train.json", "train")["checkpoints"]
    assert len({entry["digest"] for entry in (start, *kept)}) == 3
    for entry in kept:
        shapes, own = (tensor_shapes(Path(found["path"])) for found in (entry, start))
        assert differing_tensor(shapes, own) is None
        tensors = load_file(Path(entry["path"]) / "model.safetensors")
        assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.bfloat16"}


@pytest.mark.long
def test_the_twins_curves_are_fitted(curve_of):
    """Of random weights little is learnt; with losses of a known law, that law comes back."""
    curves = pandas.concat([curve_of(name) for name in ENGINE_TWINS], ignore_index=True)
    (found,) = fit(curves, "power", x="compute", metric="sums")
    assert {size.model for size in found.sizes} == set(ENGINE_TWINS)
    learnt = curves[curves["step"] > 0].copy()
    k = 0.02 * learnt["n_params"] ** 0.1
    growth = learnt["compute_flops"] / learnt["compute_flops"].min()
    learnt["loss"] = 0.9 * growth**-k
    (found,) = fit(learnt, "power", x="compute", metric="sums", weighting="equal")
    for size in found.sizes:
        assert size.k.estimate == pytest.approx(0.02 * size.n**0.1, rel=1e-3)
