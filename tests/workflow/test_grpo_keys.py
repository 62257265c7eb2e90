"""TRL's settings, read from its source, are those of the class itself."""

import re
from dataclasses import fields

from rlscale.training.grpo_keys import FIXED, LOSSES, grpo_keys


def test_the_keys_are_those_of_the_class():
    from trl import GRPOConfig

    assert grpo_keys() == {field.name for field in fields(GRPOConfig)}
    assert set(FIXED) <= grpo_keys()


def test_the_losses_are_those_of_the_class():
    from trl import GRPOConfig

    said = next(f for f in fields(GRPOConfig) if f.name == "loss_type").metadata["help"]
    assert set(
        re.findall(r"'(\w+)'", said.partition("Supported values are")[2].partition(".")[0])
    ) == set(LOSSES)
