"""The verifier `number`: the last number of a response, as people write them."""

import pytest
from cpu_time import least_seconds

from rlscale.judging.plain import last_number
from rlscale.judging.verifiers import judge, usable_golds, verify


@pytest.mark.parametrize(
    ("response", "right", "wrong"),
    [
        ("Answer: 1,234", "1234", "234"),
        ("It costs $1,234,567.50.", "1234567.5", "567.5"),
        ("The share is .5", "0.5", "5"),
        ("It is -.5 then", "-0.5", "5"),
        ("So x = \u22125", "-5", "5"),
        ("1.5e3", "1500", "3"),
        ("2E\u22122 m", "0.02", "2"),
        ("one of 1, 2, 3", "3", "123"),
        ("12,34", "34", "1234"),
        ("1,2345", "2345", "12345"),
        ("All in all 20/hour.", "20", "0"),
        ("That is 3/4 = 0.75.", "0.75", "4"),
        ("...5.", "5", "0.5"),
        ("step 7.", "7", "70"),
        ("1,234", "1,234", "1,235"),
    ],
)
def test_a_number_is_read_as_it_is_written(response, right, wrong):
    verdicts = judge([response, response], [right, wrong], "number")
    assert [verdict.outcome for verdict in verdicts] == ["correct", "wrong"]


@pytest.mark.parametrize(
    "response",
    [
        "3/4", "It is 3 / 4.", r"\frac{3}{4}", r"\dfrac34", r"\frac{\sqrt{3}}{4}", "1\u00bd",
        "1/2/4", "none",
    ],
)  # fmt: skip
def test_a_fraction_is_not_its_denominator(response):
    for gold in ("4", "3", "0.75"):
        assert verify(response, gold, "number").outcome == "unparsed"


def test_golds_are_numbers_as_written_alone():
    golds = ["1,234", ".5", "\u22125", "1.5e3", "7", "3/4", "12,34", "7 apples", "1e9999999"]
    assert usable_golds(golds, "number") == [True] * 5 + [False] * 4


@pytest.mark.parametrize(
    "part", ["1", "1,234", "1,", "1e", "/ ", "}{", "} ", r"\frac{", r"\frac 1", ".", "+"]
)
def test_the_last_number_takes_time_linear_in_the_response(part):
    def seconds(count):
        return least_seconds(lambda: last_number(part * count))

    assert seconds(80_000) < 8 * seconds(20_000)
