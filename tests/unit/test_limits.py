"""Parsers of foreign text take time in proportion to its length, and bounded memory."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from cpu_time import assert_linear

from rlscale.core.errors import StudyError
from rlscale.data.readers import RawRow, read_rows
from rlscale.judging.verifiers import VERIFIERS
from rlscale.models.prompts import in_form

GOLDS = {"program": json.dumps({"entry": "f", "stub": "", "tests": ""})}
PIECES = (
    "\\boxed{", "\\boxed{}", "<answer>", "<answer></answer>", "\n", " \n", "```\n", "~~~\n",
    "(A) ", "answer is ", "\\frac", "\\left(", "{", "$", "\\", "1", "1,", "-", "1e",
    "\\text{", "#### ", "%",
)  # fmt: skip


@pytest.mark.parametrize("name", ["exact", "number", "math", "choice", "grid", "program"])
@pytest.mark.parametrize("piece", PIECES)
def test_answers_are_found_in_time_that_grows_with_the_response(name, piece):
    verifier, gold = VERIFIERS.get(name), GOLDS.get(name, "1")
    assert_linear(lambda n: lambda: verifier.extract(piece * (n // len(piece)), gold))


def test_a_fenced_block_of_empty_lines_is_searched_once():
    program = VERIFIERS.get("program")
    assert_linear(lambda n: lambda: program.extract("```\n" + "\n" * n + "x", GOLDS["program"]))


def rows(path: Path) -> list[RawRow]:
    return list(read_rows({"layout": "plain", "columns": {}, "wrapper": "", "files": [str(path)]}))


def test_a_line_of_many_keys_one_of_them_twice_is_read_in_time_that_grows_with_it(tmp_path):
    def cost(n: int) -> Callable[[], object]:
        file = tmp_path / f"{n}.jsonl"
        keys = ",".join(f'"k{i}":1' for i in range(n))
        file.write_text(f'{{{keys},"k{n - 1}":1}}\n{{"problem":"a","answer":"b"}}\n')
        return lambda: rows(file)

    assert_linear(cost, 1_000)


BOMB = """
import re, sys
from pathlib import Path
from rlscale.data.readers import read_rows
settings = {"layout": "plain", "columns": {}, "wrapper": "", "files": [sys.argv[1]]}
count = len(list(read_rows(settings)))
print(count, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10)
"""


def test_a_small_parquet_file_does_not_open_to_all_of_the_memory(tmp_path):
    import pyarrow
    import pyarrow.parquet

    text = pyarrow.array(["a" * (10 << 20)] * 60 + ["1+1"]).dictionary_encode()
    table = pyarrow.table({"problem": text, "answer": ["1"] * 61})
    pyarrow.parquet.write_table(table, tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 10_000
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(tmp_path / "bomb.parquet")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    count, peak = map(int, done.stdout.split())
    assert count == 61
    assert peak < 450, f"{peak} MiB"


def test_texts_that_a_file_holds_once_are_the_same_as_those_it_repeats(tmp_path):
    import pyarrow
    import pyarrow.parquet

    problems = ["a", None, "ö" * 900_000, "b"] * 40
    table = pyarrow.table({"problem": problems, "answer": [str(i) for i in range(160)]})
    for encoded in (True, False):
        file = tmp_path / f"{encoded}.parquet"
        pyarrow.parquet.write_table(table, file, use_dictionary=encoded, compression="zstd")
        found = rows(file)
        assert len(found) == 160
        assert sum("1800003 bytes, longer than any" in str(row)[:99] for row in found) <= 40
    small = pyarrow.table({"problem": ["a", "a", None], "answer": ["1", "2", "3"]})
    pyarrow.parquet.write_table(small, tmp_path / "small.parquet")
    pyarrow.parquet.write_table(small, tmp_path / "plain.parquet", use_dictionary=False)
    one, other = rows(tmp_path / "small.parquet"), rows(tmp_path / "plain.parquet")
    assert [(r.problem, r.answer, r.failure) for r in one] == [
        (r.problem, r.answer, r.failure) for r in other
    ]


def test_a_chat_template_that_swells_is_refused_at_its_first_prompt():
    asked: list[int] = []

    def swell(message: list[dict], **_: object) -> str:
        asked.append(1)
        return "x" * 1_000_000

    tokenizer = SimpleNamespace(
        chat_template="x", name_or_path="m", bos_token=None, apply_chat_template=swell
    )
    with pytest.raises(StudyError, match="makes 1000000 characters of a message of 3"):
        in_form(tokenizer, "1+1", "chat")
    assert asked == [1]


def test_a_study_with_a_module_of_a_librarys_name_does_not_run_it(tmp_path):
    for name in ("math_verify", "sympy", "yaml", "rlscale"):
        (tmp_path / f"{name}.py").write_text("open('RAN', 'w')\n")
    lines = [{"response": "\\boxed{2}", "gold": "2", "kind": "math"}]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    command = Path(sys.executable).with_name("rlscale")
    done = subprocess.run(
        [command, "judge", "r.jsonl", "--output", "o.jsonl"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"correct"' in (tmp_path / "o.jsonl").read_text()
    assert not (tmp_path / "RAN").exists()
