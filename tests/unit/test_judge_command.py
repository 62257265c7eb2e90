"""rlscale judge: a file of responses in, a verdict a line out."""

import json
import subprocess
import sys

import pytest

ROWS = [
    {"response": r"So \boxed{0.5}.", "gold": r"\frac{1}{2}"},
    {"response": "It is 8.", "gold": "7", "kind": "number"},
    {"response": "no box", "gold": "7"},
    {"response": r"\boxed{(B)}", "gold": "B", "kind": "choice"},
]


def judge(tmp_path, text, *options):
    (tmp_path / "in.jsonl").write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "rlscale.cli.main",
        "judge",
        "in.jsonl",
        "--output",
        "out.jsonl",
    ]
    return subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)


def test_a_verdict_a_line(tmp_path):
    done = judge(tmp_path, "".join(json.dumps(row) + "\n" for row in ROWS))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 correct, 1 unparsed, 1 wrong\n"
    verdicts = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [v["outcome"] for v in verdicts] == ["correct", "wrong", "unparsed", "correct"]
    assert [v["answer"] for v in verdicts] == ["0.5", "8", None, "B"]
    assert verdicts[2]["reason"] == "no answer in the response"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"response": "7"}\n', "in.jsonl, line 1: key 'gold' must be there"),
        ("7\n", "in.jsonl, line 1: no JSON object"),
        ('{"response": "7", "gold": "7", "kind": "mth"}\n', "unknown verifier 'mth'; did you mean"),
    ],
)  # fmt: skip
def test_bad_lines_are_named(tmp_path, text, said):
    done = judge(tmp_path, text)
    assert done.returncode == 1
    assert said in done.stderr
