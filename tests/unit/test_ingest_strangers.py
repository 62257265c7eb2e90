"""Small logs as strangers write them: the rows that come out, or the sentence that refuses them."""

import json
from pathlib import Path

import pytest

from rlscale.core.errors import StudyError
from rlscale.curves.guess import guess_format
from rlscale.curves.ingest import Intake, read_runs

STEPS, LOSSES = [10, 20, 30], [0.7, 0.6, 0.55]
CONSTANTS = {"model": "qwen2.5-7b", "seed": 1, "variant": "base", "benchmark": "held_out"}
GOOD = "step,acc\n10,0.3\n20,0.4\n30,0.45\n"
ROWS: list[dict[str, float]] = [
    {"step": step, "acc": 1 - loss} for step, loss in zip(STEPS, LOSSES, strict=True)
]
LINES = "\n".join(map(json.dumps, ROWS))


@pytest.mark.parametrize("header", ["model,global_step,acc", "model,TrainStep,acc"])
def test_another_steps_column_is_no_export_of_wandb(tmp_path, header):
    (tmp_path / "long.csv").write_text(f"{header}\na,10,0.3\n")
    assert guess_format(tmp_path / "long.csv") == "table"


@pytest.mark.parametrize(
    "header", ["_step,acc", "acc,_step,x", "Step,acc", "acc,train/global_step"]
)
def test_the_steps_of_wandb_are_an_export(tmp_path, header):
    (tmp_path / "run.csv").write_text(f"{header}\n10,0.3,1\n")
    assert guess_format(tmp_path / "run.csv") == "wandb"


def read(folder: Path, files: dict[str, str | bytes], loss="1 - acc", columns=(), **section):
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    paths = {str(folder / name): {} for name in files}
    settings = {
        "format": guess_format(folder / next(iter(files))),
        "files": paths,
        "columns": {"loss": loss, **dict(columns)},
        "constants": CONSTANTS,
    }
    return read_runs(settings | section, "mine")


def points(intake: Intake) -> list[tuple[int, float]]:
    return [(int(r.step), round(r.loss, 9)) for r in intake.table.itertuples()]


def verl(step: int, accuracy: str, more: str = "") -> str:
    return (
        f"\x1b[36m(TaskRunner pid=7)\x1b[0m step:{step} - actor/pg_loss:np.float64(-0.1) - "
        f"val-core/math/acc/mean@1:{accuracy} - timing_s/step:49.0{more}\n"
    )


VERL = "1 - val-core/math/acc/mean@1"


@pytest.mark.parametrize(
    ("name", "content", "loss", "note"),
    [
        ("a.csv", 'step,acc\n10,"0,300"\n20,"0,400"\n30,"0,45"\n', "1 - acc", "decimal commas"),
        ("a.tsv", "step\tacc\n10\t0,3\n20\t0,4\n30\t0,45\n", "1 - acc", "decimal commas"),
        ("a.csv", " step , acc \n10, 0.3\n20, 0.4\n30, 0.45\n", "1 - acc", ""),
        ("a.csv", GOOD.replace("\n", "\r"), "1 - acc", ""),
        ("a.csv", "# mine\n# of May\n" + GOOD, "1 - acc", "begin with #, 2 in number"),
        ("a.txt", "# step acc\n10 0.3\n20 0.4\n30 0.45\n", "1 - acc", "separated by spaces"),
        ("a.csv", GOOD.replace("10,", "step_10,").replace("20,", "checkpoint-20,"), "1 - acc", ""),
        ("a.csv", "step,acc\n10,0.3\n20,0.4\n30,0.45\n40,null\n", "1 - acc", ""),
        ("a.jsonl", '{"step": 5, "acc": "NaN"}\n' + LINES, "1 - acc", ""),
        ("a.ndjson", LINES, "1 - acc", ""),
        ("a.json", LINES, "1 - acc", ""),
        ("a.log", LINES, "1 - acc", ""),
        (
            "a.jsonl",
            "\n".join(json.dumps({"step": r["step"], "eval": {"math": r}}) for r in ROWS),
            "1 - eval/math/acc",
            "",
        ),
        (
            "a.json",
            json.dumps({name: {i: r[name] for i, r in enumerate(ROWS)} for name in ROWS[0]}),
            "1 - acc",
            "",
        ),
        ("a.csv", f'"GRPO, May",\n,\n{GOOD}', "1 - acc",
         "lines above the header, 2 in number, are left out: GRPO, May"),
        ("a.csv", "sep=;\r\n" + GOOD.replace(",", ";"), "1 - acc", "semicolons"),
        ("a.csv", "step,acc\r\n10,0.3\r20,0.4\n30,0.45\r", "1 - acc", ""),
        ("a.csv", GOOD.replace("20,", "step,acc\n20,"), "1 - acc", "header stands in 1"),
        ("a.csv", GOOD + "40,-\n50,--\n60,\u2014\n70,N/A\n", "1 - acc", ""),
        ("a.jsonl", LINES + '\n{"step": 30, "acc": "-"}', "1 - acc", ""),
        ("a.md", "# Runs\n\n| step | acc |\n| ---: | :--- |\n| 10 | 0.3 |\n| 20 | 0.4 |\n"
         "| 30 | 0.45 |\n\nThat was all.\n", "1 - acc", "it is a Markdown table"),
        ("a.txt", "  step  acc\n0   10 0.30\n1   20 0.40\n2   30 0.45\n", "1 - acc", "spaces"),
        ("m.csv", "run_id,metric,value,step\n" + "".join(
            f"a,tok,{r['step']},{r['step']}\na,acc,{r['acc']},{r['step']}\n" for r in ROWS
         ), "1 - acc", "'metric' says what 'value' is: tok, acc are columns too"),
        ("t.csv", "Wall time,Step,Value\n1e9,10,0.3\n2e9,20,0.4\n3e9,30,0.45\n", "1 - Value", ""),
        ("t.json", json.dumps([[1.5e9 + i, r["step"], r["acc"]] for i, r in enumerate(ROWS)]),
         "1 - Value", ""),
        ("a.csv", "text,step,acc\n" + "".join(f"{'x' * 200_000},{line}\n" for line in
         GOOD.split()[1:]), "1 - acc", ""),
        ("a.log", verl(10, "tensor(0.3, device='cuda:0')") + verl(20, ".4") + verl(30, "4.5e-1"),
         VERL, ""),
        ("a.log", verl(10, "0.3") + verl(20, "0.4") + verl(30, "np.float32(0.45)") + "step:40 - "
         "actor/pg_loss:0.2 - val-core/math/acc/mean@1:0.", VERL, "line 4 was cut off"),
        ("a.log", verl(10, "0.3") + verl(20, "0.4") + verl(30, "0.45") + "step:40 - "
         "actor/pg_loss:0.2 - val-core/math/acc/mean@1:0.3", VERL, "line 4 was cut off"),
        ("a.log", verl(10, "0.3") + verl(20, "0.4") + verl(30, "0.45").rstrip("\n"), VERL, ""),
    ],
)  # fmt: skip
def test_the_rows_are_those_written(tmp_path, name, content, loss, note):
    intake = read(tmp_path, {name: content}, loss)
    assert points(intake) == list(zip(STEPS, LOSSES, strict=True))
    assert note in "\n".join(intake.notes)


@pytest.mark.parametrize(
    ("name", "content", "loss", "words"),
    [
        ("a.csv", "step,acc\n10,30%\n20,40%\n", "1 - acc/100", "'acc' is divided by 100, but"),
        ("a.csv", GOOD, "1 - 0.01 * acc", "'acc' is divided by 100, but is 0.45 at most: a share"),
        ("a.csv", "step,acc\n10,0,3\n20,0,4\n", "1 - acc", "more fields than the header names"),
        ("a.csv", "step,acc\n10,0.3\n20,0.4,9\n", "1 - acc", "line 3 has 3 fields, the lines"),
        ("a.csv", "<!DOCTYPE html><title>Sign in</title>\n", "1 - acc", "is a web page"),
        ("a.csv", "version https://git-lfs.github.com/spec/v1\nsize 9\n", "1 - acc", "lfs pull"),
        ("a.csv", b"\x89PNG\x1a\n\0\0\rIHDR" + b"\xff" * 99, "1 - acc", "is no text, nor of"),
        ("a.csv", '"Name","State","acc"\n"a","finished","0.3"\n', "1 - acc", "a table of runs"),
        ("a.log", "{'loss': 0.1, 'reward': 0.3, 'epoch': 0.1}\n", "1 - reward", "trainer_state"),
        ("a.csv", GOOD.replace("step", "update"), "1 - acc", "update, acc; --map step=... says"),
        ("a.csv", "epoch,acc\n0.5,0.3\n1,0.4\n", "1 - acc", "it has epoch, acc; --map step="),
        ("a.csv", "step,acc\n0.5,0.3\n1,0.4\n", "1 - acc", "step 0.5 is no whole number from 0 on"),
        ("a.csv", GOOD + "mean,0.4\n", "1 - acc", "row 4: 'step' is 'mean', not a number; leave"),
        ("a.csv", "step,acc\n10,0.3 (0.02)\n", "1 - acc", "write the value alone, its error in"),
        ("a.md", "|a|\n|-|\n|1|\n\n|b|\n|-|\n|2|\n", "1 - a", "holds 2 Markdown tables"),
        ("a.log", "(Rollout pid=3) [2025-05-01 10:00:00] eval 5: {'eval/aime': 0.3}\n", "1 - acc",
         "a console's lines, of none that is known"),
        ("t.csv", "Wall time,Step,Value,more\n1.5,10,0.3,1\n", "1 - Value", "a scalar's points of"),
        ("a.log", verl(10, "high") + verl(20, "0.3"), VERL, "row 1: 'val-core/math/acc"),
    ],
)  # fmt: skip
def test_it_is_refused_with_place_and_remedy(tmp_path, name, content, loss, words):
    with pytest.raises(StudyError) as caught:
        read(tmp_path, {name: content}, loss)
    assert str(tmp_path / name) in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"run_pattern": "(?P<model>a"}, "is no regular expression: missing )"),
        ({"run_pattern": r"s\d"}, "has no named group, such as (?P<model>.+)"),
        (
            {"run_columns": ["7B"]},
            "no column '7B', which ingest.run_columns names; it has step, acc",
        ),
        ({"runs": {"b.csv": {"seed": 1}}}, "ingest.runs speaks of b.csv, but no file or run"),
        (
            {"constants": CONSTANTS | {"n_params": "7B"}},
            "n_params is '7B', not a number; write 7e9",
        ),
        ({"constants": CONSTANTS | {"n_params": 7}}, "n_params is 7; write it in full, 7e9 for 7B"),
        ({"constants": CONSTANTS | {"n_problems": 9.5}}, "n_problems is 9.5; give a whole number"),
    ],
)
def test_what_is_said_of_runs_is_checked(tmp_path, section, words):
    with pytest.raises(StudyError) as caught:
        read(tmp_path, {"a.csv": GOOD}, **section)
    assert words in str(caught.value)


LONG = (
    "Name,step,acc\nolga-7b-s1,10,0.3\nolga-7b-s1,20,0.4\nolga-7b-s2,10,0.31\nolga-7b-s2,20,0.5\n"
)
NAMED = {"cell": "Name"}


@pytest.mark.parametrize(
    "said",
    [
        {"run_pattern": r"olga-(?P<model>\d+b)-s(?P<seed>\d)"},
        {"runs": {"olga-7b-s1": {"seed": 1}, "olga-7b-s2": {"seed": 2}}},
    ],
)
def test_runs_that_a_column_of_a_long_table_names(tmp_path, said):
    constants = {"variant": "base", "benchmark": "held_out", "model": "7b"}
    intake = read(tmp_path, {"a.csv": LONG}, columns=NAMED, constants=constants, **said)
    told = intake.table[["cell", "seed", "step", "loss"]].to_numpy().tolist()
    assert [row[:3] for row in told] == [
        ["olga-7b-s1", 1, 10], ["olga-7b-s1", 1, 20], ["olga-7b-s2", 2, 10], ["olga-7b-s2", 2, 20],
    ]  # fmt: skip
    assert [round(row[3], 9) for row in told] == [0.7, 0.6, 0.69, 0.5]


def test_a_pattern_for_names_in_a_column_says_how_to_name_it(tmp_path):
    with pytest.raises(StudyError, match="if a column names the runs, map cell to it"):
        read(tmp_path, {"a.csv": LONG}, run_pattern=r"olga-(?P<model>\d+b)-s(?P<seed>\d)")


def test_a_row_without_a_run_is_named(tmp_path):
    text = LONG + ",30,0.5\n"
    with pytest.raises(StudyError, match="row 5: 'Name' is empty, which says of which run it is"):
        read(tmp_path, {"a.csv": text}, columns=NAMED, run_pattern=r"-s(?P<seed>\d)")


@pytest.mark.parametrize(("unit", "refused"), [(1, True), (1e9, False)])
def test_sizes_of_a_column_in_billions_are_refused(tmp_path, unit, refused):
    """Before, N0 came out as 7.6 and FLOPs a thousand million times too small."""
    text = "step,acc,n\n10,0.3,0.5\n20,0.4,0.5\n"
    columns = {"n_params": f"{unit:.0f} * n"}
    if refused:
        with pytest.raises(StudyError, match=r"n_params is 0\.5, as if in billions"):
            read(tmp_path, {"a.csv": text}, columns=columns)
    else:
        assert set(read(tmp_path, {"a.csv": text}, columns=columns).table["n_params"]) == {5e8}


@pytest.mark.parametrize(("name", "noted"), [("eval_loss", True), ("error_rate", False)])
def test_what_a_trainer_minimises_is_not_taken_for_the_loss_in_silence(tmp_path, name, noted):
    intake = read(tmp_path, {"a.csv": GOOD.replace("acc", name)}, name)
    assert (f"'{name}' is taken for the share of wrong answers" in "".join(intake.notes)) is noted


@pytest.mark.parametrize(
    ("loss", "noted"), [("0.5 - 0.5 * reward", False), ("0.9 * reward", True), ("reward", True)]
)
def test_a_number_less_a_success_is_a_loss(tmp_path, loss, noted):
    text = "step,reward\n10,0.3\n20,0.1\n"
    said = "".join(read(tmp_path, {"a.csv": text}, loss).notes)
    assert ("reads like an accuracy" in said) is noted


def test_percent_below_one_can_be_said(tmp_path):
    intake = read(tmp_path, {"a.csv": "step,acc\n1,0.2\n2,0.5\n"}, "1 - acc / 1e2")
    assert points(intake) == [(1, 0.998), (2, 0.995)]


def test_one_run_in_shares_among_percentages_is_noted(tmp_path):
    files = {"s1.csv": "step,acc\n10,30\n20,40\n", "s2.csv": "step,acc\n10,0.3\n20,0.4\n"}
    intake = read(tmp_path, files, "1 - acc / 100", run_pattern=r"s(?P<seed>\d)")
    assert "s2.csv: 'acc' is 0.4 at most, in other runs up to 40: a share" in intake.notes[-1]


def test_rounding_beyond_one_is_put_on_the_border(tmp_path):
    assert points(read(tmp_path, {"a.csv": "step,acc\n1,0.3\n2,1.0000001\n"})) == [(1, 0.7), (2, 0)]


@pytest.mark.parametrize(
    ("tokens", "values", "note"),
    [
        (
            "cumulative tok",
            [1000, 2000, 4000],
            "grows 4 times while steps grow 3 times: is it a run",
        ),
        ("tok", [1.5, 3, 4.5], "tokens is 1.5 at step 10, less than one a step: in millions?"),
    ],
)
def test_counts_of_another_kind_are_noted(tmp_path, tokens, values, note):
    of_steps = zip(STEPS, LOSSES, values, strict=True)
    rows = "".join(f"{step},{1 - loss},{value}\n" for step, loss, value in of_steps)
    intake = read(tmp_path, {"a.csv": "step,acc,tok\n" + rows}, columns={"tokens": tokens})
    assert note in "\n".join(intake.notes)


def test_a_row_that_names_no_run_is_refused_or_noted(tmp_path):
    of_runs = {"columns": {"seed": "s"}, "constants": CONSTANTS | {"seed": 1}}
    of_runs["constants"].pop("seed")
    good = "s,step,acc\n1,10,0.3\n1,20,0.4\n"
    with pytest.raises(StudyError, match="row 3: 's' is empty, which seed is made from"):
        read(tmp_path, {"a.csv": good + ",10,0.5\n"}, **of_runs)
    intake = read(tmp_path, {"a.csv": good + ",10,\n"}, **of_runs)
    assert points(intake) == [(10, 0.7), (20, 0.6)]
    assert "1 rows without 's' and loss left out" in "\n".join(intake.notes)


def test_seeds_of_many_digits_stay_apart(tmp_path):
    of_runs = {"columns": {"seed": "s"}, "constants": dict(CONSTANTS)}
    del of_runs["constants"]["seed"]
    text = "s,step,acc\n20250901,10,0.3\n20250902,10,0.4\n"
    cells = read(tmp_path, {"a.csv": text}, **of_runs).table["cell"]
    assert list(cells) == ["qwen2.5-7b/base/20250901", "qwen2.5-7b/base/20250902"]


def test_run_names_with_any_sign_are_read_and_renamed_aloud(tmp_path):
    panel = (
        '"Step","7b - β=0.04 ""x"" - s1 - acc","7b - β=0.04 ""x"" - s2 - acc"\n"10","0.3","0.2"\n'
    )
    constants = {"variant": "base", "benchmark": "held_out"}
    pattern = r'(?P<model>\S+) - .*"x" - s(?P<seed>\d)'
    intake = read(tmp_path, {"p.csv": panel}, run_pattern=pattern, constants=constants)
    assert intake.table["seed"].tolist() == [1, 2]
    assert intake.table["cell"].iloc[0] == "7b/base/1/7b - β=0.04 _x_ - s1"
    assert "is called '7b - β=0.04 _x_ - s2' in the curves" in "\n".join(intake.notes)


def test_lists_of_rows_by_run_are_runs(tmp_path):
    text = json.dumps({"s1": ROWS, "s2": ROWS[:2]}, indent=1)
    constants = {k: v for k, v in CONSTANTS.items() if k != "seed"}
    intake = read(tmp_path, {"a.json": text}, run_pattern=r"s(?P<seed>\d)", constants=constants)
    assert intake.table.groupby("seed").size().tolist() == [3, 2]


def test_a_run_of_the_table_that_is_not_read_is_noted(tmp_path):
    text = json.dumps({"s1": ROWS, "s2": ROWS[:2]}, indent=1)
    runs = {name: {"seed": i} for i, name in enumerate(("s1", "s2", "s3"))}
    constants = {k: v for k, v in CONSTANTS.items() if k != "seed"}
    intake = read(tmp_path, {"a.json": text}, runs=runs, constants=constants)
    assert "'s3' of ingest.runs is no file or run that is read" in intake.notes
