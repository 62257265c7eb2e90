"""The scorings of others against their own functions, on the same answers.

lm-evaluation-harness and lighteval are no dependencies. Where ``pip install --no-deps --target
FOLDER lm_eval==0.4.13 lighteval==0.13.0`` put them on the path, these tests run; elsewhere they are
skipped. Only their pure functions are loaded, without what their packages import.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
import json
import random
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
import yaml

from rlscale.evaluation.scoring import rule_of
from rlscale.judging.verifiers import judge

ANSWERS = Path(__file__).parents[3] / "shared/cases/answers/answers.jsonl"
OWN = [
    ("#### 18", "18"), ("a\n#### 1,800.", "1800"), ("#### 17\n#### 18", "18"), ("18", "18"),
    ("#### $18", "18"), ("#### -4", "-4"), (r"\boxed{18}", "18"), ("It is $18$, or $19$", "18"),
    (r"\boxed 27$", "27"), (r"\boxed{\frac12}", r"\frac{1}{2}"), (r"\boxed{1/2}", r"\frac{1}{2}"),
    (r"\boxed{0.5}", r"\frac{1}{2}"), (r"\boxed{.5}", "0.5"), (r"\boxed{x = 5}", "5"),
    (r"\boxed{\sqrt3}", r"\sqrt{3}"), (r"\boxed{5\text{ cm}}", "5"), (r"\boxed{50\%}", "50"),
    (r"\boxed{27", "27"), (r"\boxed{\dfrac{3}{4}}", r"\frac{3}{4}"), (r"\boxed{a}{b}", "a"),
    (r"\boxed{\left(1, 2\right)}", "(1,2)"), ("", "7"), ("$", "7"), (r"\boxed{025}", "25"),
    (r"\boxed{1 \text{ a}\text{ b}}", r"1 \text{ a}\text{ b}"), (r"\boxed{a/b }", "a/b"),
    (r"\boxed{\frac}", r"\frac "), (r"\boxed{2\sqrt}", r"2\sqrt "), ("#### 18.,", "18"),
    (r"\boxed{1\frac2\frac34}", r"1\frac{2}\frac34"), (r"\boxed{\frac1{2}}", r"\frac12"),
    (r"\fbox{25}", "25"), (r"\boxed{90^\circ}", "90"), (r"\boxed{3/04}", "3/4"), ("$$", "7"),
]  # fmt: skip


def package(name: str) -> Path:
    """Where a package lies; its own __init__ is not run."""
    found = importlib.util.find_spec(name)
    if found is None:
        pytest.skip(f"{name} is not installed (docs/evaluation.md says how)")
    return Path(found.submodule_search_locations[0])


def load(path: Path):
    """A module from its file alone."""
    spec = importlib.util.spec_from_file_location(f"parity_{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def answers() -> list[tuple[str, str]]:
    """(response, gold): the shared ones where they are, and those of this project."""
    lines = ANSWERS.read_text().splitlines() if ANSWERS.exists() else []
    return [*((row["response"], row["gold"]) for row in map(json.loads, lines)), *OWN]


def right(benchmark: str, answers: list[tuple[str, str]]) -> list[bool]:
    """Whether each response is right by this project's rule ``lm_eval``."""
    responses, golds = zip(*answers, strict=True)
    verdicts = judge(responses, golds, rule_of("lm_eval", benchmark).verifier)
    return [verdict.outcome == "correct" for verdict in verdicts]


def apart(answers, ours, theirs):
    return [
        (*pair, mine, other)
        for pair, mine, other in zip(answers, ours, theirs, strict=True)
        if mine != other
    ]


def test_aime_is_judged_as_lm_eval_does(answers):
    scorer = load(package("lm_eval") / "tasks/aime/utils.py")
    theirs = [
        bool(scorer.process_results({"Answer": gold}, [response])["exact_match"])
        for response, gold in answers
    ]
    assert apart(answers, right("aime_2024", answers), theirs) == []
    assert 5 < sum(theirs) < len(theirs)


def test_gsm8k_is_judged_as_lm_eval_does(answers):
    asked = [*answers, *((re.sub(r"\\boxed\{(.*)\}", r"#### \1", r), g) for r, g in answers)]
    theirs = [strict_match(response, gold) for response, gold in asked]
    assert apart(asked, right("gsm8k", asked), theirs) == []
    assert sum(theirs) > 5
    compare_asking("gsm8k/gsm8k.yaml", "gsm8k", "question")


def strict_match(response: str, gold: str) -> bool:
    """Its filter and its metric, as the task file states them."""
    task = task_of("gsm8k/gsm8k.yaml")
    strict = next(own for own in task["filter_list"] if own["name"] == "strict-match")
    said = (re.findall(strict["filter"][0]["regex_pattern"], response) or ["[invalid]"])[0].strip()
    wanted = f"so\n#### {gold}"
    for ignored in task["metric_list"][0]["regexes_to_ignore"]:
        said, wanted = re.sub(ignored, "", said), re.sub(ignored, "", wanted)
    return said.lower() == wanted.lower()


def test_math_500_is_judged_as_lm_eval_does(answers, monkeypatch):
    folder = package("lm_eval") / "tasks/minerva_math"
    # The module asks for a release of antlr that its exact_match needs. math-verify chooses its own
    # grammar by that release, and is loaded before.
    importlib.import_module("math_verify")
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "4.11")
    source = load(folder / "utils.py")
    monkeypatch.undo()
    theirs = [
        bool(source.verify(gold=source.parse(f"\\boxed{{{gold}}}"), target=source.parse(response)))
        for response, gold in answers
    ]
    assert apart(answers, right("math_500", answers), theirs) == []
    assert 5 < sum(theirs) < len(theirs)
    rule = rule_of("lm_eval", "math_500")
    assert source.doc_to_text({"problem": "{problem}"}) == rule.prompt
    assert len(source.list_fewshot_samples()) == rule.shots


PIECES = [
    r"\boxed{", r"\boxed ", r"\fbox{", "}", "{", "$", r"\frac", r"\dfrac", "1", "23", "04", "/",
    "=", "k = ", " ", "\n", "\\\\", r"\!", r"\left", r"\right", r"^\circ", r"\$", r"\%",
    r"\text{ cm}", ".5", "0.5", r"\sqrt", r"\sqrt3", "#### ", "####", ",", ".", "-", "1/2",
    "a/b", "A",
]  # fmt: skip


@pytest.mark.parametrize("benchmark", ["aime_2024", "gsm8k"])
def test_pieces_in_any_order_are_judged_as_lm_eval_does(benchmark):
    aime = load(package("lm_eval") / "tasks/aime/utils.py")
    draw = random.Random(19)
    asked = []
    for _ in range(4000):
        text = "".join(draw.choices(PIECES, k=draw.randint(1, 6)))
        gold = draw.choice([text, "".join(draw.choices(PIECES[8:], k=2)), "23"])
        boxed = draw.choice([text, f"\\boxed{{{text}}}", f"#### {text}"])
        asked.append((boxed, gold.replace("#### ", "") or "1"))
    asked = [pair for pair in asked if pair[1].strip()]
    theirs = [
        bool(aime.process_results({"Answer": gold}, [response])["exact_match"])
        if benchmark == "aime_2024"
        else strict_match(response, gold)
        for response, gold in asked
    ]
    assert apart(asked, right(benchmark, asked), theirs) == []
    assert sum(theirs) > 20


@pytest.mark.parametrize("year", ["24", "25"])
def test_aime_is_asked_as_lm_eval_does(year):
    column = {"24": "Problem", "25": "problem"}[year]
    compare_asking(f"aime/aime{year}.yaml", f"aime_20{year}", column)


SQUARE = 'def square(x):\n    """The square."""\n'
SQUARE_TESTS = (
    "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-3) == 9\n"
)


def test_humaneval_is_asked_and_judged_as_lm_eval_does(monkeypatch):
    compare_asking("humaneval/humaneval.yaml", "humaneval", "prompt")
    evaluate = types.ModuleType("evaluate")
    evaluate.load = lambda name: types.SimpleNamespace(compute=lambda **asked: None)
    monkeypatch.setitem(sys.modules, "evaluate", evaluate)
    source = load(package("lm_eval") / "tasks/humaneval/utils.py")
    responses = [
        "    return x * x\n", "    return x * x\nThis is it.\n", "    return x*x\n```\nmore",
        "return x * x", "    pass\n\nfrom math import prod\n\nsquare = lambda x: prod([x, x])",
        "```python\ndef square(x):\n    return x * x\n```", "    return x\n", "    y = 1",
        "    return x * x\n\nassert square(3) == 8", "    return x *\fx\n", "\treturn x * x",
        "    return x * x\n    \u00e9 =", "  return x * x",
    ]  # fmt: skip
    built = source.build_predictions([responses], [{"prompt": SQUARE}])[0]
    theirs = [
        subprocess.run(
            [sys.executable, "-I", "-c", f"{text}\n{SQUARE_TESTS}\ncheck(square)"],
            capture_output=True,
        ).returncode
        == 0
        for text in built
    ]
    gold = json.dumps(
        {"entry": "square", "stub": SQUARE, "tests": f"{SQUARE_TESTS}\ncheck(square)"}
    )
    asked = [(response, gold) for response in responses]
    assert apart(asked, right("humaneval", asked), theirs) == []
    assert 2 < sum(theirs) < len(theirs) - 2


@functools.cache
def task_of(file: str) -> dict:
    """A task file of lm-eval; its functions by name only."""
    text = (package("lm_eval") / "tasks" / file).read_text()
    return yaml.safe_load(text.replace("!function ", ""))


def compare_asking(file: str, benchmark: str, column: str) -> None:
    """Prompt, stop strings and number of examples are those of lm-eval's task file."""
    task = task_of(file)
    rule = rule_of("lm_eval", benchmark)
    assert rule.prompt == task["doc_to_text"].replace(f"{{{{{column}}}}}", "{problem}")
    assert list(rule.stop) == task["generation_kwargs"]["until"]
    assert rule.shots == task["num_fewshot"]


@pytest.mark.usefixtures("shared")
def test_our_judge_errs_less_than_lightevals_on_the_shared_answers(monkeypatch):
    root = package("lighteval")
    for name in ("lighteval", "lighteval.metrics", "lighteval.metrics.utils", "lighteval.tasks"):
        bare = types.ModuleType(name)
        bare.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        monkeypatch.setitem(sys.modules, name, bare)
    requests = types.ModuleType("lighteval.tasks.requests")
    requests.Doc = None  # the type of an argument, which needs all of lighteval
    monkeypatch.setitem(sys.modules, requests.__name__, requests)
    reading = importlib.import_module("lighteval.metrics.utils.extractive_match_utils")
    comparing = importlib.import_module("lighteval.metrics.utils.math_comparison")
    language = importlib.import_module("lighteval.utils.language").Language.ENGLISH
    try:
        kinds = (reading.LatexExtractionConfig(), reading.ExprExtractionConfig())
    except ImportError as error:
        pytest.skip(f"lighteval needs another release beside math-verify's: {error}")
    patterns = reading.get_extraction_regexes_inspect(kinds, language, len_choices=0)

    def parsed(text: str):
        return reading.extract_target_from_pred(text, patterns, "first_match")

    rows = [json.loads(line) for line in ANSWERS.read_text().splitlines()]
    theirs = [
        comparing.compare_gold_target(parsed(f"\\boxed{{{row['gold']}}}"), parsed(row["response"]))
        for row in rows
    ]
    verdicts = judge([row["response"] for row in rows], [row["gold"] for row in rows], "math")
    ours = [verdict.outcome == "correct" for verdict in verdicts]
    truth = [row["correct"] for row in rows]
    errors = {
        name: (
            sum(a and not b for a, b in zip(said, truth, strict=True)),
            sum(b and not a for a, b in zip(said, truth, strict=True)),
        )
        for name, said in (("ours", ours), ("lighteval", theirs))
    }
    print(errors)
    assert all(mine <= other for mine, other in zip(*errors.values(), strict=True))
    assert sum(errors["lighteval"]) > 0
