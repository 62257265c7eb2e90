"""Answers by people who had not seen the judge's tables: harmless wrappings, changed values.

The files hold gold, response, whether it is right by mathematics, its kind, and, where the judge
refuses what is right, why (``refused``). Of answer_strangers.jsonl the first 1,259 were written
before the rules were read, the others against the rules that were then mended.
"""

import json
from pathlib import Path

import pytest
from answer_peers import wrong_and_refused

from rlscale.judging.verifiers import judge

PAIRS = [
    json.loads(line)
    for name in ("answer_pairs", "answer_strangers")
    for line in Path(__file__).with_name(f"{name}.jsonl").read_text().splitlines()
]


def test_no_wrong_answer_is_right_and_what_is_refused_is_named():
    verdicts = judge([c["response"] for c in PAIRS], [c["gold"] for c in PAIRS], workers=2)
    judged = [(c, v.outcome == "correct") for c, v in zip(PAIRS, verdicts, strict=True)]
    assert [c for c, right in judged if right and not c["correct"]] == []
    assert [c for c, right in judged if right == ("refused" in c) and c["correct"]] == []


@pytest.mark.slow
def test_beside_math_verify_and_trl():
    table = wrong_and_refused(PAIRS)
    assert all(table["ours"][i] <= errors[i] for errors in table.values() for i in (0, 1))
