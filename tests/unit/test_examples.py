"""The table that compares the example configurations with public recipes says what they say."""

import re

import pytest
import yaml

from conftest import ROOT

FILES = ["card_24gb.yaml", "node_8x80gb.yaml"]
SECTIONS = {"recipes.*": "recipe", "resources.*": "job", "sweeps[]": "sweep"}


def rows() -> dict[str, list[str]]:
    """Key -> what the table says of each file."""
    page = (ROOT / "docs/paper_scale.md").read_text()
    table = page[page.index("| key | 24 GB |") :]
    found = re.findall(r"(?m)^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|", table)
    return {key: said for key, *said in found}


def parts(name: str) -> dict:
    """A configuration's first recipe, sweep and the resources that models have by default."""
    config = yaml.safe_load((ROOT / "config" / name).read_text())
    recipe = next(iter(config["recipes"].values()))
    job = config["resources"]["default"]
    named = {"recipe": recipe, "job": job, "sweep": config["sweeps"][0]}
    return {**config, **named, "grpo": recipe["grpo"], "engine": job["engine"], "lora": recipe}


def value(config: dict, key: str) -> str:
    """What stands under a key, as the table writes it."""
    if key == "lora":
        return ", ".join(str(value) for value in config["lora"].get("lora", {}).values()) or "-"
    if key == "grpo.lr_scheduler_type":  # ours where a recipe says nothing
        return config["grpo"].get("lr_scheduler_type", "constant")
    for section, name in SECTIONS.items():
        key = key.replace(section, name)
    found = config
    for part in key.split("."):
        found = found.get(part, {})
    if isinstance(found, list):
        (found,) = found
    return str(found).lower() if isinstance(found, bool) else str(found or "-")


@pytest.mark.parametrize("key", rows())
def test_the_table_says_what_the_examples_say(key):
    assert [value(parts(name), key) for name in FILES] == rows()[key]


def test_no_key_of_training_is_left_out():
    keys = {key.removeprefix("grpo.").split(".")[0] for key in rows() if key.startswith("grpo.")}
    ours = {key for name in FILES for key in parts(name)["grpo"]}
    assert ours <= keys
