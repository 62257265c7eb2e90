"""Real problems through the whole chain: GURU for training, MATH-500 for evaluation."""

import copy

import pandas

from conftest import Study, embedded_config
from rlscale.core.manifests import read_manifest

PROMPT = (
    "You are a knowledgeable math assistant. Answer the following questions and think step by "
    "step. {problem} Please output the final answer within \\boxed{}."
)
CELL = "guru/bpe-base/tau1-g2/seed1"


def bpe_model(folder, texts):
    """A random tiny Qwen2 model with a BPE tokenizer trained on the problems themselves."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from rlscale.models.tiny import new_model

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|endoftext|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|endoftext|>", eos_token="<|im_end|>"
    )
    architecture = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "max_position_embeddings": 2048,
    }
    new_model(architecture, fast, seed=1).save_pretrained(folder)
    fast.save_pretrained(folder)


def real_config(shared, model, benchmark):
    config = copy.deepcopy(embedded_config())
    config["study"] = "real"
    rows = {"layout": "guru", "wrapper": PROMPT}
    rows["columns"] = {"pass_rate": ["extra_info", "qwen2.5_7b_pass_rate"]}
    guru = shared / "data" / "guru"
    config["data"] = {
        "guru": {
            "verifier": "math",
            "read": {**rows, "files": [str(guru / "math__sampled_1_100_512.parquet")]},
            "held_out": {
                "read": {
                    **rows,
                    "files": [str(guru / "math__full_difficulty_ordered_test_500.parquet")],
                }
            },
        }
    }
    config["benchmarks"] = {"math_500": {"path": str(benchmark), "samples": 1}}
    config["models"] = {"bpe": {"family": "bpe", "base": {"folder": str(model)}}}
    config["recipes"] = {
        "guru": {
            "data": "guru",
            "steps": 2,
            "prompts_per_step": 4,
            "updates_per_step": 2,
            "checkpoints": [0, 2],
            "prompt": {"template": PROMPT},
            "zero_reward_steps": 3,
            "grpo": {
                "learning_rate": 1e-5,
                "max_completion_length": 8,
                "gradient_checkpointing": False,
            },
        }
    }
    config["sweeps"] = [
        {"name": "one", "recipe": "guru", "model": ["bpe"], "group_size": [2], "seed": [1]}
    ]
    config["fit"] |= {"benchmark": "math_500", "select": {"recipe": "guru"}}
    del config["pretraining"], config["fine_tuning"]
    return config


def test_two_steps_on_guru_and_twenty_problems_of_math_500(shared, tmp_path):
    problems = pandas.read_parquet(shared / "data" / "benchmarks" / "math__math_500.parquet")
    benchmark = tmp_path / "math_500_first_20.parquet"
    problems.head(20).to_parquet(benchmark)
    texts = [str(prompt[0]["content"]) for prompt in problems["prompt"]]
    bpe_model(tmp_path / "model", texts)
    study = Study(tmp_path, real_config(shared, tmp_path / "model", benchmark))
    study.run(f"results/cells/{CELL}/curve.csv")
    cell = tmp_path / "results" / "cells" / CELL
    assert read_manifest(cell / "train.json", "train")["status"] == "ok"
    consumed = pandas.read_parquet(cell / "consumed.parquet")
    assert consumed.groupby("step").size().tolist() == [4, 4]
    curve = pandas.read_csv(cell / "curve.csv")
    assert curve["benchmark"].tolist() == ["math_500", "math_500"]
    assert curve["n_problems"].tolist() == [20, 20]
    # A random model boxes nothing: every response is unparsed, none is an error of the chain.
    assert curve["loss"].tolist() == [1.0, 1.0]
    assert curve["n_unparsed"].tolist() == curve["n_samples"].tolist()
    report = (tmp_path / "results" / "data" / "guru" / "report.json").read_text()
    assert "quarantine" in report or "dropped" in report
