"""TRL's settings, read from its source, are those of the class itself."""

from dataclasses import fields

from rlscale.training.grpo_keys import FIXED, grpo_keys


def test_the_keys_are_those_of_the_class():
    from trl import GRPOConfig

    assert grpo_keys() == {field.name for field in fields(GRPOConfig)}
    assert set(FIXED) <= grpo_keys()
