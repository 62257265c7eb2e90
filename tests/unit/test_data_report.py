"""`rlscale data-report`: any file, without a study."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rlscale.cli import main
from rlscale.core.errors import StudyError
from rlscale.data.overview import overview

LONG = "Let a b c d e f g h be points on a line and find the sum of all of them, given n = {}"
ROWS = [
    *({"problem": f"{i}+{i}=", "answer": str(2 * i), "rate": i / 10} for i in range(8)),
    {"problem": "0+0 =", "answer": "0"},
    {"problem": "1+1 =", "answer": "3"},
    {"problem": "<b>9</b>+9=", "answer": "proof"},
    {"problem": "8+9=", "answer": "nan"},
    *({"problem": LONG.format(i), "answer": ["1", "2"]} for i in range(3)),
]
READING = {"layout": "auto", "columns": {"pass_rate": ["rate"]}, "wrapper": ""}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small file with some of everything."""
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


def test_every_loss_is_counted_and_shown(file: Path) -> None:
    found = overview({**READING, "files": [file]}, {}, "number")
    assert [(step["reason"], step["rows"]) for step in found.waterfall] == [
        ("", 15),
        ("gold answer stands for a missing one", -2),
        ("duplicate", -1),
        ("conflicting duplicate", -2),
    ]
    assert found.waterfall[-1]["left"] == 10
    shown = found.losses["quarantine: gold answer stands for a missing one (2 rows)"]
    assert shown == [
        "  set.jsonl#10: '<b>9</b>+9=' -> 'proof'",
        "  set.jsonl#11: '8+9=' -> 'nan'",
    ]
    assert found.facts["near problems"] == "3 in 1 clusters; they stay"
    assert found.facts["golds of which any one is right"] == "3"
    assert found.facts["pass rates"].startswith("known of 7;")
    assert len(found.clusters[0]) == 3


def test_problems_with_a_picture_of_elsewhere_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    shown = ["![Image](a.png) 1+1=", "<img src='a'> 2+2=", "3+3="]
    path.write_text("\n".join(json.dumps({"problem": p, "answer": "2"}) for p in shown))
    found = overview({**READING, "files": [path], "columns": {}}, {}, "number")
    assert found.facts["problems that show a picture by its address"] == "2; they stay"


def test_the_command_prints_the_report_and_writes_its_page(file, tmp_path, monkeypatch, capsys):
    page = tmp_path / "report.html"
    command = ["rlscale", "data-report", str(file), "--output", str(page), "--verifier", "exact"]
    monkeypatch.setattr(sys, "argv", [*command, "--column", "pass_rate=rate"])
    main.main()
    said = capsys.readouterr().out
    assert "in layout plain: problem from problem, answer from answer, pass_rate from rate" in said
    assert "conflicting duplicate" in said
    text = page.read_text()
    assert "&lt;b&gt;9&lt;/b&gt;" in text
    assert "<b>9" not in text, "a data set's text is no markup"
    assert "http" not in text


def test_the_guides_line_reads_columns_of_other_names(tmp_path, monkeypatch, capsys):
    """As docs/howto.md writes it; without the flags the error names them."""
    guide = (Path(__file__).parents[2] / "docs/howto.md").read_text()
    line = re.search(r"(?m)^    (rlscale data-report raw/mine.jsonl --layout .*)$", guide)[1]
    monkeypatch.chdir(tmp_path)
    rows = "".join(json.dumps({"q": f"What is {n} + 1?", "a": str(n + 1)}) + "\n" for n in range(9))
    Path("raw").mkdir()
    Path("raw/mine.jsonl").write_text(rows)
    monkeypatch.setattr(sys, "argv", line.split())
    main.main()
    assert "in layout plain: problem from q, answer from a" in capsys.readouterr().out
    assert Path("report.html").exists()
    monkeypatch.setattr(sys, "argv", line.partition(" --layout")[0].split())
    with pytest.raises(SystemExit):
        main.main()
    assert "--layout plain --column problem=COLUMN --column answer=COLUMN" in (
        capsys.readouterr().err
    )


def test_another_file_takes_its_twins_out(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "held_out.json"
    other.write_text(json.dumps([{"question": LONG.format(7), "answer": "1"}]))
    against = {"held_out.json": {**READING, "columns": {}, "files": [other]}}
    found = overview({**READING, "files": [file]}, against, "number")
    last = found.waterfall[-1]
    assert (last["stage"], last["rows"]) == ("overlap with held_out.json", -3)


def test_words_around_all_problems_are_left_out_and_stated(tmp_path: Path) -> None:
    around = "Think about the following for a while and then answer.\n\n{}\n\nBe quick."
    rows = [{"problem": around.format(f"{i}+{i}="), "answer": str(2 * i)} for i in range(40)]
    path = tmp_path / "set.json"
    path.write_text(json.dumps(rows))
    found = overview({**READING, "columns": {}, "files": [path]}, {}, "number")
    assert found.waterfall[-1]["left"] == 40
    assert found.stated[0].endswith(around.replace("{}", "{problem}"))


def test_a_file_of_which_nothing_can_be_used_is_refused_with_examples(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps([{"problem": "1+1=", "answer": "proof"}] * 4))
    with pytest.raises(StudyError, match="no row can be used") as refusal:
        overview({**READING, "columns": {}, "files": [path]}, {}, "number")
    assert str(refusal.value).count("'1+1=' -> 'proof'") == 3


# What the small environment has not.
SMALL = """
import sys
from importlib.machinery import PathFinder
kept = PathFinder.find_spec
absent = {"torch", "datasets", "transformers", "math_verify", "snakemake", "trl", "jsonschema"}
PathFinder.find_spec = lambda name, *a: None if name.split(".")[0] in absent else kept(name, *a)
from rlscale.cli.main import main
main()
"""


def test_it_needs_the_small_environment_only(file: Path) -> None:
    command = [sys.executable, "-c", SMALL, "data-report", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "math-verify is not installed" in done.stdout
