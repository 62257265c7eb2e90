"""The record of a run: what it consumed against the plan, what a step cost by hand."""

import pandas
import pytest

from rlscale.errors import StudyError
from rlscale.ledger import Cost
from rlscale.reward import check_consumed

PLAN = pandas.DataFrame({"problem_id": ["a", "b", "c", "d"]})
RECIPE = {"prompts_per_step": 2}


def test_the_planned_problems_in_their_order_pass():
    check_consumed([["a", "b"], ["c", "d"]], PLAN, RECIPE, "cell")


@pytest.mark.parametrize("second", [["d", "c"], ["c"], ["a", "b"]])
def test_any_other_order_fails_and_names_the_step(second):
    with pytest.raises(StudyError, match=rf"cell: step 2 .*first: {second[0]}, planned c"):
        check_consumed([["a", "b"], second], PLAN, RECIPE, "cell")


def test_a_steps_flops_are_those_counted_by_hand():
    # 10 prompt and 6 response tokens, N = 100, a head of 20: a pass forward is 2 x 120 x 16.
    cost = Cost(n_params=100, n_params_head=20, old_logprobs=True, reference=False)
    assert cost.step(prompt_tokens=10, completion_tokens=6) == {
        "compute_flops": 6 * 100 * 16,
        "generation_flops": 3840,
        "old_logprob_flops": 3840,
        "reference_flops": 0,
        "update_flops": 3 * 3840,
    }
