"""The record of a run: what it consumed against the plan."""

import pandas
import pytest

from rlscale.core.errors import StudyError
from rlscale.training.reward import check_consumed

PLAN = pandas.DataFrame({"problem_id": ["a", "b", "c", "d"]})


def test_the_planned_problems_in_their_order_pass():
    check_consumed([["a", "b"], ["c", "d"]], PLAN, 2, "cell")


@pytest.mark.parametrize("second", [["d", "c"], ["c"], ["a", "b"]])
def test_any_other_order_fails_and_names_the_step(second):
    with pytest.raises(StudyError, match=rf"cell: step 2 .*first: {second[0]}, planned c"):
        check_consumed([["a", "b"], second], PLAN, 2, "cell")
