"""Rules of scoring: what each asks and accepts, what a change of one makes again, no mixed fits."""

import contextlib
import csv
import dataclasses
import json
import random
import unittest.mock
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas
import pytest
from cpu_time import least_seconds
from curve_tables import straight_curves

from rlscale.core.errors import StudyError
from rlscale.evaluation.outcomes import score_table
from rlscale.evaluation.scoring import SCORINGS, Rule, rule_of
from rlscale.judging.verifiers import VERIFIERS, judge
from rlscale.laws.protocols import check_scoring
from rlscale.models.prompts import in_form

PARITY = Path(__file__).parents[3] / "shared/cases/scoring/parity.csv"
GRID = '{"header": ["Place", "Pet"], "rows": [["1", "cat"], ["2", "dog"]]}'


def score(scoring: str, benchmark: str, response: str, gold: str) -> float | None:
    """Between 0 and 1; None where the response is unparsed."""
    kind = rule_of(scoring, benchmark).verifier
    verdict = judge([response], [gold], kind)[0]
    if verdict.credit is not None:
        return verdict.credit
    return {"correct": 1.0, "wrong": 0.0}.get(verdict.outcome)


@pytest.mark.usefixtures("shared")
def test_the_papers_scoring_scores_as_its_public_code():
    rows = list(csv.DictReader(PARITY.open()))
    assert len(rows) > 50
    apart = [
        row
        for row in rows
        if (score("paper", row["benchmark"], row["answer"], row["gold"]) or 0.0)
        != float(row["papers_public_scorer"])
    ]
    assert apart == []


@pytest.mark.parametrize(
    ("benchmark", "response", "gold", "right"),
    [
        ("math_500", "So the answer is 41.", "41", 1.0),
        ("math_500", r"\boxed{41", "41", 1.0),
        ("math_500", r"\boxed{\frac{2}{4}}", r"\frac{1}{2}", 1.0),
        ("math_500", r"\boxed{3}", r"\frac{1}{2}", 0.0),
        ("gsm8k", "9 + 9 = 18\n#### 18", "18", 1.0),
        ("gsm8k", "First 18, then 17.", "18", 0.0),
        ("gsm8k", r"\boxed{17}, no: 18", "18", 0.0),
        ("aime_2024", r"\boxed{204}" + 300 * " so", "204", 0.0),
        ("aime_2024", 300 * "so " + r"\boxed{204}", "204", 1.0),
        ("zebra", f"<answer>{GRID}</answer>", GRID, 1.0),
        ("zebra", f"<answer>{GRID.replace('dog', 'cow')}</answer>", GRID, 0.75),
        ("zebra", f"<answer>\n{GRID}\n</answer>", GRID, None),
        ("supergpqa", r"\boxed{\text{Answer: B}}", "B", 0.0),  # A is the first of its letters
        ("supergpqa", r"\boxed{0.5}", "B", None),
        ("supergpqa", "Final Answer: B\nThe answer is: C\n", "B", 1.0),
        ("supergpqa", "The answer is: C\nThe answer is: B\n", "B", 1.0),
        ("supergpqa", "The answer is: B", "B", None),  # no end of the line
    ],
)
def test_what_the_paper_accepts(benchmark, response, gold, right):
    assert score("paper", benchmark, response, gold) == right


STUB = 'def square(x):\n    """The square."""\n'
SQUARE = json.dumps({"entry": "square", "stub": STUB, "tests": "assert square(3) == 9"})


@pytest.mark.parametrize(
    ("benchmark", "response", "gold", "right"),
    [
        ("gsm8k", "So 9 * 2 = 18.\n#### 18", "18", 1.0),
        ("gsm8k", "#### 1,800", "1800", 1.0),
        ("gsm8k", r"\boxed{18}", "18", None),
        ("math_500", "The final answer is $0.5$.", r"\frac{1}{2}", 1.0),
        ("math_500", "I do not know.", "7", None),
        ("aime_2024", r"\boxed{025}", "25", 0.0),
        ("aime_2024", "It is $204$", "204", 1.0),
        ("aime_2024", r"\boxed{a/b }", "a/b", 0.0),  # not stripped where the parts are no numbers
        ("gsm8k", "#### 18.,", "18", 1.0),
        ("humaneval", "    return x * x\n", SQUARE, 1.0),
        ("humaneval", "    return x * x\nThis is it.\n", SQUARE, 0.0),  # all of it is run
        ("humaneval", "```python\ndef square(x):\n    return x * x\n```", SQUARE, 0.0),
    ],
)
def test_what_lm_eval_accepts(benchmark, response, gold, right):
    assert score("lm_eval", benchmark, response, gold) == right


def test_every_rules_verifier_accepts_its_own_answer():
    golds = {"paper_grid": GRID, "lm_eval_program": None, "paper_program": None}
    used = {rule.verifier for name in SCORINGS.names() for rule in SCORINGS.get(name).values()}
    for kind in sorted(used - {None}):
        gold = golds.get(kind, "B" if "choice" in kind else "12")
        if gold is not None:
            response = VERIFIERS.get(kind).respond(gold)
            assert judge([response], [gold], kind)[0].outcome == "correct", kind


def test_a_benchmark_without_a_rule_is_refused_with_those_that_have_one():
    with pytest.raises(StudyError, match="no rule for the benchmark 'zebra', only for aime_2024"):
        rule_of("lm_eval", "zebra")
    with pytest.raises(StudyError, match="unknown scoring 'papr'; did you mean paper"):
        rule_of("papr", "zebra")
    assert rule_of("ours", "anything").verifier is None


def test_forms_of_the_prompt_and_ends_of_a_response():
    class Tokenizer:
        name_or_path, chat_template, bos_token = "m", "x", None

        def apply_chat_template(self, message, **_):
            return f"<{message[0]['content']}>"

    forms = {
        (name, variant): in_form(Tokenizer(), "2+2=", rule_of(name, "gsm8k").form(variant))
        for name in ("ours", "paper", "lm_eval")
        for variant in ("base", "instruct")
    }
    assert forms == {
        ("ours", "base"): "2+2=", ("ours", "instruct"): "<2+2=>",
        ("paper", "base"): "<2+2=>", ("paper", "instruct"): "<2+2=>",
        ("lm_eval", "base"): "2+2=", ("lm_eval", "instruct"): "2+2=",
    }  # fmt: skip
    Tokenizer.chat_template = None
    with pytest.raises(StudyError, match=r"has no chat template, .*scoring: ours"):
        in_form(Tokenizer(), "2+2=", "chat")
    rule = Rule(stop=("Question:", "\n\n"))
    assert rule.cut("18\n\nmore Question:") == "18"
    assert rule.cut("18 Question: 2+2=") == "18 "
    assert Rule().cut("18\n\nmore") == "18\n\nmore"


def test_a_rules_digest_follows_what_it_asks_and_what_judges():
    rule = rule_of("paper", "gsm8k")
    digests = {
        rule.digest("judge"), rule.digest("another"), Rule().digest("judge"),
        dataclasses.replace(rule, base="bare").digest("judge"),
    }  # fmt: skip
    assert len(digests) == 4
    assert rule.digest("judge") == dataclasses.replace(rule).digest("judge")


def test_parts_of_an_answer_count_in_the_loss_and_not_among_the_correct():
    frame = pandas.DataFrame(
        {
            "step": 0, "benchmark": ["zebra"] * 2 + ["sums"] * 2, "problem_id": list("abcd"),
            "outcome": ["correct", "wrong", "correct", "wrong"],
            "credit": [1.0, 0.75, None, None], "finish_reason": "stop", "tokens": 3,
        }
    )  # fmt: skip
    names = {"zebra": ("paper", "z"), "sums": ("ours", "s")}
    scores = score_table(frame, names).set_index("benchmark")
    assert scores["loss"].to_dict() == {"zebra": 0.125, "sums": 0.5}
    assert scores["loss_without_timeouts"].to_dict() == {"zebra": 0.125, "sums": 0.5}
    assert scores["n_correct"].to_dict() == {"zebra": 1, "sums": 1}
    assert scores["scoring"].to_dict() == {"zebra": "paper", "sums": "ours"}
    assert scores["scoring_digest"].to_dict() == {"zebra": "z", "sums": "s"}


def test_several_rules_in_one_fit_are_refused():
    table = straight_curves().assign(scoring="ours", scoring_digest="a")
    check_scoring(table)
    check_scoring(table.assign(scoring=None))
    odd = table["cell"].eq(table["cell"].iloc[0])
    with pytest.raises(StudyError, match=r"by several rules of scoring in one fit: .* by paper a"):
        check_scoring(table.assign(scoring=table["scoring"].mask(odd, "paper")))
    with pytest.raises(StudyError, match=r"by ours a; .* by ours b.*evaluate again"):
        check_scoring(table.assign(scoring_digest=table["scoring_digest"].mask(odd, "b")))
    other = table.assign(benchmark="zebra", scoring="paper")
    check_scoring(pandas.concat([table, other]))


OTHERS = (
    "paper_math", "paper_ending", "paper_number", "paper_choice", "paper_grid", "paper_program",
    "math_verify", "lm_eval_gsm8k", "lm_eval_aime", "lm_eval_program", "stdin_program",
    "final_answer", "instructions",
)  # fmt: skip
PIECES = (
    "\\boxed{", "}", "{", "\\frac", "\\sqrt", "\\text{", "$", "#### ", "<answer>", "</answer>",
    "The answer is: ", "Final Answer:", "1", "2.5", "-", "x", "=", ",", "^", "(", ")", "[", "\n",
    " ", "\\pi", "%", "```", "def f(", "A", "é", "\x00", "٣", "½", "**", "\\boxed ", "1e999", "nan",
)  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_random_texts_never_break_a_verifier(kind):
    rng = random.Random(kind)
    verifier = VERIFIERS.get(kind)
    golds = ("12", GRID, "(1, 2)", '[["1", "2"]]', r"\frac{\pi}{2}", "", "{", "B")
    runs = "program" in kind or kind == "math_verify"  # these are run or parsed elsewhere
    for _ in range(1500):
        text = "".join(rng.choices(PIECES, k=rng.randrange(12)))
        gold = rng.choice(golds)
        answer = verifier.extract(text, gold)
        usable = verifier.usable(gold)
        if usable and answer is not None and not runs:
            # Long powers and math-verify take what time they want; workers end them.
            with contextlib.ExitStack() as stack:
                if kind in ("paper_math", "paper_ending", "paper_number"):
                    mock = unittest.mock.patch("rlscale.judging.paper._same_to_math_verify")
                    stack.enter_context(mock).return_value = False
                assert verifier.compare(answer, gold).outcome in ("correct", "wrong", "unparsed")


def test_a_chat_template_is_filled_in_any_thread():
    class Tokenizer:
        chat_template, name_or_path, bos_token = "{{ messages[0].content }}", "theirs", None

        def apply_chat_template(self, message, **_):
            return f"<{message[0]['content']}>"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(in_form, Tokenizer(), "2+2=", "chat").result() == "<2+2=>"


def test_what_the_papers_judges_parse_calls_nothing(tmp_path):
    trap = tmp_path / "trap"
    for attack in (
        f"open('{trap}', 'w')", "exec(chr(49))", "ｅｘｅｃ(1)", "__import__('os').abort()",
        "x.__class__", "(lambda: 1)()", "exit(1)",
    ):  # fmt: skip
        verdict = judge([rf"\boxed{{{attack}}}"], ["x+1"], "paper_math")[0]
        assert verdict.outcome == "wrong", attack
    assert not trap.exists()


@pytest.mark.parametrize("kind", OTHERS)
def test_extraction_takes_time_linear_in_the_response(kind):
    extract = VERIFIERS.get(kind).extract
    for piece in (
        "\\boxed{",
        "$",
        "<answer>",
        "The answer is:",
        "Final Answer:\n",
        "```\n",
        "1,",
        "{",
    ):
        few, many = (
            least_seconds(lambda: extract(piece * count, "12"))  # noqa: B023 - called at once
            for count in (1_000, 8_000)
        )
        assert many < 0.05 + 24 * few, piece
