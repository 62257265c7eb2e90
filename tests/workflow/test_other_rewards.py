"""Cells trained on code and on logic: programs in the sandbox and grids give the reward."""

import json
from pathlib import Path

import pandas
import pytest
from training_run import RECIPE, Run

from rlscale.core.manifests import Provenance, read_manifest, write_manifest
from rlscale.data.problems import RawRow, tabulate
from rlscale.models.tiny import character_tokenizer, new_model, parameter_counts, pretrain
from rlscale.training.reward import Reward

pytestmark = pytest.mark.slow

ADD = {"entry": "f", "stub": "", "tests": "assert f(1) == 2\nassert f(5) == 6\n"}
GRID = {"header": ["a", "b"], "rows": [["1", "x"], ["2", "y"]]}
# Gold and the responses of each outcome: correct, wrong, unparsed, and one that takes no end.
CASES = {
    "program": (
        json.dumps(ADD),
        ["def f(x): return x+1", "def f(x): return x+2", "It adds one.", "def f(x):\n while 1: 0"],
    ),
    "grid": (
        json.dumps(GRID),
        ['<answer>{"header":["b","a"],"rows":[["x",1],["y",2]]}</answer>',
         '<answer>{"header":["a","b"],"rows":[[1,"y"],[2,"x"]]}</answer>', "x then y"],
    ),
    "stdin_program": (
        json.dumps([["1\n", "2\n"], ["5\n", "6\n"]]),
        ["print(int(input())+1)", "print(int(input())+2)", "   ", "while 1: 0"],
    ),
}  # fmt: skip
PROBLEM = "go="
ARCHITECTURE = {
    "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1,
    "max_position_embeddings": 128,
}  # fmt: skip
PRETRAINING = {
    "steps": 150, "batch_size": 8, "learning_rate": 0.01, "reference_width": 64,
    "weight_decay": 0.0,
}  # fmt: skip
STEPS, PROMPTS = 2, 4


@pytest.mark.parametrize("verifier", CASES)
def test_the_reward_is_one_for_the_right_response_only(verifier: str) -> None:
    gold, responses = CASES[verifier]
    kept, _ = tabulate([RawRow("a", PROBLEM, gold)], verifier=verifier, max_characters=100)
    reward = Reward(verifier, character_tokenizer())
    n = len(responses)
    rewards = reward([PROBLEM] * n, responses, [[1]] * n, kept["answer"].tolist() * n, ["a"] * n)
    assert rewards == [1.0] + [0.0] * (n - 1)


def made_inputs(folder: Path, verifier: str) -> None:
    """A model that gives the right or a wrong response, and problems that ask for it."""
    gold, (right, wrong, *_) = CASES[verifier]
    tokenizer = character_tokenizer()
    model = new_model(ARCHITECTURE, tokenizer, seed=1)
    pretrain(model, tokenizer, PRETRAINING, [(PROBLEM, right), (PROBLEM, wrong)] * 600)
    weights = folder / "checkpoints" / "models" / "tiny-base"
    model.save_pretrained(weights)
    tokenizer.save_pretrained(weights)
    for part in ("model", "data"):
        (folder / part).mkdir()
    write_manifest(
        folder / "model" / "manifest.json", Provenance("rlscale.models.tiny", {}, {}, seed=1),
        kind="model", name="tiny-base", files=weights.iterdir(), weights=str(weights),
        family="tiny", n_params_nominal=None, **parameter_counts(model),
    )  # fmt: skip
    rows = [
        {"problem_id": f"p{i}", "problem": PROBLEM, "answer": gold} for i in range(STEPS * PROMPTS)
    ]
    table = folder / "data" / "train.parquet"
    pandas.DataFrame(rows).to_parquet(table)
    write_manifest(
        folder / "data" / "manifest.json", Provenance("rlscale.data.repeat", {}, {}, seed=1),
        kind="variant", name="one", files=[table],
    )  # fmt: skip


@pytest.mark.parametrize("verifier", CASES)
def test_a_cell_is_trained_on_it(verifier: str, tmp_path: Path) -> None:
    made_inputs(tmp_path / "in", verifier)
    run = Run(tmp_path / "run", tmp_path / "in")
    length = max(map(len, CASES[verifier][1])) + 2
    run.recipe = {
        **RECIPE, "steps": STEPS, "prompts_per_step": PROMPTS, "checkpoints": [0, STEPS],
        "verifier": verifier, "grpo": {**RECIPE["grpo"], "max_completion_length": length},
    }  # fmt: skip
    run.finish()
    assert read_manifest(run.outputs / "train.json", "train")["status"] == "ok"
    rewards = pandas.read_csv(run.outputs / "metrics.csv")["reward"]
    assert 0 < rewards.mean() < 1, "some responses are right, some are not"
