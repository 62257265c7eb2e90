"""What comes from outside: weights from safetensors only, code only where a key allows it."""

import json
import shutil
from pathlib import Path

import pytest
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate
from tiny_cell import evaluate, make_cell, settings
from training_run import RECIPE, Run

from conftest import ROOT, small_config
from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256
from rlscale.core.manifests import read_manifest
from rlscale.models.checkpoints import read_model
from rlscale.models.sources import make_model
from rlscale.models.weights import weights_digest

CODE = """
from pathlib import Path
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Model

Path({proof!r}).touch()

class OwnConfig(Qwen2Config):
    model_type = "own"

class OwnForCausalLM(Qwen2ForCausalLM):
    config_class = OwnConfig

class OwnLayers(Qwen2Model):
    config_class = OwnConfig
"""


@pytest.fixture
def own_model(tmp_path, training_inputs) -> Path:
    """The tiny model under an architecture that only its own Python file knows."""
    folder = tmp_path / "own"
    shutil.copytree(training_inputs / "checkpoints/models/tiny-base", folder)
    (folder / "modeling_own.py").write_text(CODE.format(proof=str(tmp_path / "code-ran")))
    config = json.loads((folder / "config.json").read_text())
    names = {
        "AutoConfig": "modeling_own.OwnConfig",
        "AutoModelForCausalLM": "modeling_own.OwnForCausalLM",
        "AutoModel": "modeling_own.OwnLayers",  # what vLLM asks for
    }
    config |= {"model_type": "own", "architectures": ["OwnForCausalLM"], "auto_map": names}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def take(folder: Path, root: Path, **source: bool) -> dict:
    """Make the model ``own-base`` of a folder; returns its manifest."""
    make_model(
        identity={"model": "own", "family": "own", "n_params_nominal": None},
        settings={"variant": "base", "source": {"folder": str(folder), **source}},
        corpus=None,
        base=None,
        weights=root / "checkpoints" / "own-base",
        state=root / "state",
        manifest=root / "model" / "manifest.json",
    )
    return read_manifest(root / "model" / "manifest.json", "model")


def test_a_models_own_code_runs_only_where_the_key_allows_it(
    own_model, tmp_path, training_inputs, undisturbed
):
    with pytest.raises(StudyError, match=r"own-base: needs Python code .*trust_remote_code: true"):
        take(own_model, tmp_path)
    assert not (tmp_path / "code-ran").exists()
    assert not (tmp_path / "checkpoints" / "own-base").exists()

    manifest = take(own_model, tmp_path, trust_remote_code=True)

    assert (tmp_path / "code-ran").exists()
    code = tmp_path / "checkpoints" / "own-base" / "modeling_own.py"
    assert manifest["trust_remote_code"] is True
    digests = {Path(entry["path"]).name: entry["sha256"] for entry in manifest["files"]}
    assert digests["modeling_own.py"] == file_sha256(code)
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    (inputs / "model").symlink_to(tmp_path / "model")
    (inputs / "data").symlink_to(training_inputs / "data")
    run = Run(tmp_path / "run", inputs)
    run.options = ["--trusted"]
    run.finish()  # beta is not 0: the reference model is of the same class
    for name in ("metrics.csv", "ledger.csv"):
        assert (run.outputs / name).read_bytes() == (undisturbed.outputs / name).read_bytes()
    train = read_manifest(run.outputs / "train.json", "train")
    last = Path(train["checkpoints"][-1]["path"])
    assert (last / "modeling_own.py").read_bytes() == code.read_bytes()

    cell = tmp_path / "cell"
    make_cell(cell, steps=[], problems=3, benchmarks=["sums"])
    shutil.copy(run.outputs / "train.json", cell / "train.json")
    own = settings(["sums"], samples=2)
    (tmp_path / "code-ran").unlink()
    with pytest.raises((ValueError, ImportError)):
        evaluate(cell, own)  # whatever manifests say: only the configuration lets code run
    assert not (tmp_path / "code-ran").exists()
    asked = evaluate(cell, own, trusted=True)["generated"]
    assert asked == 6 * len(RECIPE["checkpoints"])

    (last / "modeling_own.py").write_text("raise SystemExit")
    assert weights_digest(last) != train["checkpoints"][-1]["digest"]


def test_code_of_another_repository_is_refused_because_nothing_pins_it(own_model, tmp_path):
    config = json.loads((own_model / "config.json").read_text())
    config["auto_map"]["AutoModelForCausalLM"] = "somebody/else--modeling_own.OwnForCausalLM"
    (own_model / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        StudyError, match=r"somebody/else--modeling_own\.OwnForCausalLM.* no revision pins"
    ):
        take(own_model, tmp_path, trust_remote_code=True)


@pytest.mark.parametrize("name", ["special_tokens_map.json", "tokenizer_config.json"])
def test_a_link_out_of_a_models_folder_is_refused(tmp_path, training_inputs, name):
    folder = tmp_path / "linked"
    shutil.copytree(training_inputs / "checkpoints/models/tiny-base", folder)
    (tmp_path / "private").write_text("{}")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "private")
    with pytest.raises(StudyError, match=rf"{name}: a link to .*private, outside the model's"):
        take(folder, tmp_path)
    assert not (tmp_path / "checkpoints" / "own-base").exists()


def test_a_snapshot_of_the_hubs_cache_is_taken_through_its_links(tmp_path, training_inputs):
    blobs = tmp_path / "models--a--b" / "blobs"
    shutil.copytree(training_inputs / "checkpoints/models/tiny-base", blobs)
    folder = blobs.parent / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    for path in blobs.iterdir():
        (folder / path.name).symlink_to(path)
    assert take(folder, tmp_path)["files"]


@pytest.mark.parametrize("name", ["added_tokens.json", "adapter_config.json", "own.py"])
def test_a_file_that_no_manifest_names_is_refused_beside_weights(tmp_path, training_inputs, name):
    take(training_inputs / "checkpoints/models/tiny-base", tmp_path)
    manifest = tmp_path / "model" / "manifest.json"
    (tmp_path / "checkpoints/own-base/README.md").write_text("harmless")
    assert not read_model(manifest).trust_remote_code
    (tmp_path / "checkpoints/own-base" / name).write_text("{}")
    with pytest.raises(StudyError, match=rf"{name}: the manifest of own-base does not name it"):
        read_model(manifest)


def test_pickled_weights_are_refused(tmp_path, training_inputs):
    folder = tmp_path / "pickled"
    shutil.copytree(training_inputs / "checkpoints/models/tiny-base", folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(StudyError, match=r"pickled: no \*\.safetensors file"):
        take(folder, tmp_path)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({"hub": "me/model"}, "revision"),
        ({"hub": "me/model", "revision": "main"}, "main"),
        ({"trust_remote_code": True}, "trust_remote_code"),
    ],
)
def test_the_configuration_pins_what_comes_from_a_hub(source, named):
    config = small_config()
    made = config["models"]["arith-15k"]["base"]
    config["models"]["arith-15k"]["base"] = source if "hub" in source else {**made, **source}
    with pytest.raises(WorkflowError, match=named):
        validate(config, str(ROOT / "workflow" / "schemas" / "config.schema.yaml"))
    config["models"]["arith-15k"]["base"] = {
        "hub": "me/model",
        "revision": "a1" * 20,
        "trust_remote_code": True,
    }
    validate(config, str(ROOT / "workflow" / "schemas" / "config.schema.yaml"))
