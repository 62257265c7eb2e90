"""Logs written to be slow to read: ten and a hundred times the size take no more than that."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cpu_time import assert_linear

from rlscale.core.errors import StudyError
from rlscale.curves.formats import evaluations, nemo_rl, prime_rl
from rlscale.curves.formats.mlflow import read_mlflow
from rlscale.curves.guess import guess_format
from rlscale.curves.known_models import known_sizes
from rlscale.curves.readers import CURVE_READERS
from rlscale.curves.section import Section, of_run
from rlscale.data.golds import Unusable, gold_text

# Name of the file, its format, what stands before, what is repeated, what stands after.
SLOW = {
    "no brace after its steps": ("l.log", "openrlhf", "", "global step 1 ", "\n"),
    "no end of its braces": ("l.log", "openrlhf", "", "Global step 1 {", "\n"),
    "steps alone": ("l.json", "", "", '"step":', ""),
    "a guess among steps": ("l.log", "", "", "global step 1 ", "\n"),
    "signs of equality": ("l.log", "nemo_rl", "", "=", "\n"),
    "bullets": ("l.log", "nemo_rl", "Training Results:\n", "- ", "\n"),
    "a long number": ("l.log", "nemo_rl", "Training Results:\n- a: ", "1", ":\n"),
    "a long rule": ("l.csv", "table", "|", "-", "x\n"),
    "commas after a quotation mark": ("l.csv", "table", 'a,b\n"', ",1", "\n"),
    "quotation marks": ("l.csv", "table", "a,b\n", '",1', "\n"),
    "commas and spaces": ("l.log", "prime_rl", "Step 1 | ", ", ", "\n"),
    "evaluations": (
        "l.log", "prime_rl", "checkpoint step 1\n) ", "Evaluated a in 1s (", "\n",
    ),
    "dashes in a panel": ("l.csv", "wandb", "Step,", " - a", " - b\n1,2\n"),
    "one long step": ("l.log", "verl", "step:", "1", " - a:1\n"),
    "colours": ("l.log", "verl", "", "\x1b[1;", "\n"),
    "colons": ("l.log", "verl", "step:1 - ", ":1x", "\n"),
    "comments": ("l.csv", "table", "", "# a\n", "step,loss\n1,2\n"),
    "headers": ("l.csv", "table", "step,loss\n", "step,loss\n", "1,2\n"),
    "titles": ("l.csv", "table", "", "title\n", "step,loss\n1,2\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", SLOW)
def test_a_log_made_to_be_slow_is_read_in_time_that_grows_with_it(case, tmp_path):
    name, form, before, piece, after = SLOW[case]

    def cost(n: int) -> Callable[[], object]:
        file = tmp_path / str(n) / name
        file.parent.mkdir()
        file.write_text(before + piece * (n // len(piece)) + after)

        def read() -> None:
            with contextlib.suppress(StudyError):
                CURVE_READERS.get(form or guess_format(file))(file)

        return read

    assert_linear(cost)


@pytest.mark.parametrize("piece", ["-", "checkpoint-0", "step_0", "0"])
def test_a_models_name_is_searched_in_time_that_grows_with_it(piece):
    def place(n: int) -> None:
        with contextlib.suppress(StudyError):
            evaluations._place("checkpoint-" + piece * (n // len(piece)) + "x", Path("f"))

    assert_linear(lambda n: lambda: place(n))


def test_a_name_that_was_trained_on_often_is_read_in_time_that_grows_with_it():
    assert_linear(lambda n: lambda: known_sizes("-base" * (n // 5) + "x"))


@pytest.mark.parametrize("gold", ["aa aa aa aa aa {}", "{}1", "a {}"])
@pytest.mark.parametrize("piece", ["a", "$", "\\text{", "(", "."])
def test_a_long_gold_is_looked_at_in_time_that_grows_with_it(gold, piece):
    def look(n: int) -> None:
        with contextlib.suppress(Exception):  # Unusable is said of some
            gold_text(gold.format(piece * (n // len(piece))), "math")

    assert_linear(lambda n: lambda: look(n))


@pytest.mark.parametrize(("start", "piece"), [("f'", "{1}"), ("'a'", ",'a'"), ("'a',", "-")])
def test_a_list_of_golds_as_a_text_is_read_in_time_that_grows_with_it(start, piece):
    assert_linear(lambda n: lambda: gold_text(f"[{start}{piece * (n // len(piece))}']", "math"))


def test_a_list_of_golds_as_python_writes_it_is_read_up_to_100_000_characters():
    """Longer ones are as JSON has them, or a text."""
    short, long = (str([str(i % 7) for i in range(n)]) for n in (20_000, 20_001))
    assert (len(short), len(long)) == (100_000, 100_005)
    assert gold_text(short, "math") != short
    with pytest.raises(Unusable, match="whole solution"):
        gold_text(long + " 1 one two three" * 20, "math")
    assert gold_text(long, "math") == long
    assert gold_text(long.replace("'", '"'), "math") != long.replace("'", '"')


def test_runs_of_an_mlflow_store_are_told_apart_in_time_that_grows_with_their_number(tmp_path):
    import sqlite3

    def cost(n: int) -> Callable[[], object]:
        path = tmp_path / f"{n}.db"
        with sqlite3.connect(path) as store:
            store.execute("create table runs (run_uuid text, name text, lifecycle_stage text)")
            store.execute("create table metrics (run_uuid, key, value, timestamp, step)")
            for i in range(n):
                store.execute("insert into runs values (?, 'r', 'active')", [str(i)])
                store.execute("insert into metrics values (?, 'loss', 0.5, 1, 1)", [str(i)])
        return lambda: read_mlflow(path)

    assert_linear(cost, 4)


@pytest.mark.parametrize(("letters", "fits"), [(12, False), (60, None)])
def test_a_pattern_that_tries_every_way_is_stopped(letters, fits, monkeypatch):
    monkeypatch.setattr("rlscale.curves.section._SECONDS", 0.2)
    section = Section("table", {}, run_pattern=r"(?P<seed>(a+)+)b")
    said = "does not fit" if fits is False else "takes more than 0.2 s on 'aaaa.*a repeat within"
    with pytest.raises(StudyError, match=said):
        of_run(section, "a" * letters, "f")
    assert of_run(section, "ab", "f") == {"seed": "a"}


LINES = {
    "• Accuracy: 0.4321": {"Validation/Accuracy": 0.4321},
    "- Rewards: 1,234.5": {"Validation/Rewards": 1234.5},
    "* Share: 12%": {"Validation/Share %": 12.0},
    "- At: 12:30": {},
}


@pytest.mark.parametrize(("line", "values"), LINES.items())
def test_lines_of_nemo_rl_are_read_as_before(line, values):
    rows = nemo_rl._of_console(["==== Step 5/100 ====", "Validation Results:", line])
    assert rows == ([{"step": 5} | values] if values else [])


def test_values_of_prime_rl_keep_commas_within_brackets():
    text = "Avg@4=0.5, Pass@1: 0.25 (of 4, each), Length: 12"
    found = prime_rl._values(text, "")
    assert found == {"Avg@4": 0.5, "Pass@1": 0.25, "Length": 12.0}
    (row,) = prime_rl._rows(
        ["checkpoint step 3", "Evaluated gsm8k in 8s (Avg@4=0.5, Pass@1: 0.5)"], Path("l")
    )
    assert row == {"step": 3, "gsm8k/Avg@4": 0.5, "gsm8k/Pass@1": 0.5}
