"""Files of strangers that are no files, or open to far more than they are, or speak to a terminal.

docs/security.md has the table of what was tried; here is the smallest of each kind.
"""

import contextlib
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from rlscale.cli.main import main
from rlscale.core.code import is_current
from rlscale.core.errors import StudyError, printable
from rlscale.core.files import file_sha256
from rlscale.core.inside import inside_study
from rlscale.core.swelling import open_file
from rlscale.data.readers import read_rows
from rlscale.jobs import devices
from rlscale.jobs.owner import STALE, owned
from rlscale.laws.groups import build_groups
from rlscale.study.records import notes_path, read_notes
from rlscale.study.runs import alone

LOG = "step,loss\n1,0.5\n2,0.4\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """A study's folder beside a file of the user's own."""
    folder = tmp_path / "study"
    folder.mkdir()
    (tmp_path / "own.txt").write_text("own")
    (folder / "Snakefile").touch()
    monkeypatch.chdir(folder)
    return folder


def run(monkeypatch, capsys, *command: str) -> str:
    """What the command says, on both streams, where it ends as a command should."""
    monkeypatch.setattr(sys, "argv", ["rlscale", *command])
    with contextlib.suppress(SystemExit):
        main()
    said = capsys.readouterr()
    return said.out + said.err


def ingest(name: str) -> list[str]:
    given = ("model=m", "variant=base", "benchmark=b", "n_params=1e6")
    return ["ingest", name, "--map", "loss=loss", "--set", *given, "--yes"]


def test_a_pipe_is_read_by_nobody(monkeypatch, capsys):
    os.mkfifo("pipe.csv")
    for read in (file_sha256, open_file):
        with pytest.raises(StudyError, match=r"pipe\.csv: is no regular file"):
            read(Path("pipe.csv"))
    for command in (["fit", "pipe.csv"], ingest("pipe.csv"), ["judge", "pipe.csv", "--output=o"]):
        assert "pipe.csv: is no regular file" in run(monkeypatch, capsys, *command)


def test_a_packed_file_that_opens_to_far_more_than_it_is_is_refused(monkeypatch, capsys):
    with gzip.open("bomb.csv.gz", "wb", compresslevel=1) as packed:
        packed.write(LOG.encode())
        for _ in range(260):
            packed.write(b"\n" * 2**20)
    said = run(monkeypatch, capsys, *ingest("bomb.csv.gz"))
    assert "bomb.csv.gz: has 1" in said
    assert "opens to more than 256 MiB" in said


@pytest.mark.parametrize("rows", [1, 25_000_000])
def test_a_parquet_file_of_one_number_many_times_is_refused_by_its_footer(rows):
    table = pyarrow.table({"problem": np.zeros(rows, "int32"), "answer": np.zeros(rows, "int32")})
    pyarrow.parquet.write_table(table, "d.parquet", compression="zstd")
    settings = {"layout": "plain", "columns": {}, "wrapper": "", "files": ["d.parquet"]}
    if rows == 1:
        assert len(read_rows(settings)) == 1
    else:
        with pytest.raises(StudyError, match=r"d\.parquet: has .* opens to more than 381"):
            read_rows(settings)


@pytest.mark.parametrize(("texts", "packing"), [(2, None), (2, "zstd"), (30, "lz4")])
def test_an_arrow_file_is_counted_as_it_opens(texts, packing):
    long = pyarrow.array(["a" * (10 << 20)] * (texts - 2) + ["1+1", "2+2"])
    table = pyarrow.table({"problem": long, "answer": ["2"] * texts})
    options = pyarrow.ipc.IpcWriteOptions(compression=packing)
    with pyarrow.ipc.new_file("d.arrow", table.schema, options=options) as writer:
        writer.write_table(table)
    settings = {"layout": "plain", "columns": {}, "wrapper": "", "files": ["d.arrow"]}
    if texts == 2:
        assert [row.problem for row in read_rows(settings)] == ["1+1", "2+2"]
    else:
        with pytest.raises(StudyError, match=r"d\.arrow: has .* opens to more than 2.. MiB"):
            list(read_rows(settings))


def curves(sizes: int, runs: int, steps: int, *, apart: bool) -> pandas.DataFrame:
    """Rows of a curves table whose runs share their steps, or share none."""
    rows = pandas.MultiIndex.from_product([range(sizes), range(runs), range(1, steps + 1)])
    size, run, step = (rows.get_level_values(i).to_numpy() for i in range(3))
    cell = size * runs + run
    step = step + apart * cell * steps
    columns = dict.fromkeys(("recipe", "tau", "group_size", "family"), None)
    return pandas.DataFrame(
        {"cell": cell, "model": size, "variant": "base", "step": step, "loss": 0.5, "n_problems": 9,
         "n_samples": 9, "n_correct": 5, "loss_se": 0.1, "n_params": size + 1e6} | columns
    ).assign(step=step, data_samples=step)  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "runs", "steps", "said"),
    [
        (200, 1, 3, ""),
        (201, 1, 3, "201 values of model, and a fit takes 200 at most; choose some with"),
        (20, 1, 250, ""),
        (20, 1, 251, "20 curves of 20 values of model were measured at 5020 different steps"),
        (2, 1000, 6, "2000 curves of 2 values of model were measured at 12000 different"),
    ],
)
def test_a_fit_of_more_than_memory_holds_is_refused_before_it_is_laid_out(sizes, runs, steps, said):
    table = curves(sizes, runs, steps, apart=steps > 3)
    expected = pytest.raises(StudyError, match=said) if said else contextlib.nullcontext()
    with expected:
        (group,) = build_groups(table, x="data", column="loss", size="n_params")
        assert group.value.shape == (sizes, len(table["step"].unique()))


def test_texts_in_lists_are_counted_before_they_are_opened():
    long = [{"role": "user", "content": "a" * (3 << 20)}]
    rows = pyarrow.array([long] * 30 + [[{"role": "user", "content": "1+1"}]])
    table = pyarrow.table({"problem": rows, "answer": ["1"] * 31})
    pyarrow.parquet.write_table(table, "d.parquet", compression="zstd")
    settings = {"layout": "plain", "columns": {}, "wrapper": "", "files": ["d.parquet"]}
    failures = [row.failure for row in read_rows(settings)]
    assert sum("longer than any problem" in str(failure) for failure in failures) == 30


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 90 + b"PAR1"])
def test_a_damaged_parquet_log_ends_in_a_sentence(monkeypatch, capsys, content):
    Path("l.parquet").write_bytes(content)
    assert "l.parquet: not a whole Parquet file" in run(monkeypatch, capsys, *ingest("l.parquet"))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [("state.json", "[]", "no list of names"),
     ("state.json", '{"_data_files": [{"filename": "../../own.txt"}]}', "no path within"),
     ("dataset_dict.json", "{}", "no list of names"),
     ("dataset_dict.json", '{"splits": ["\\u001b[2J"]}', r"\x1b[2J")],
)  # fmt: skip
def test_a_data_set_names_files_of_its_own(monkeypatch, capsys, name, content, expected):
    Path("d").mkdir()
    Path("d/dataset_info.json").write_text("{}")
    Path("d", name).write_text(content)
    assert expected in run(monkeypatch, capsys, "data-report", "d")


def test_what_is_printed_is_text_to_a_terminal(monkeypatch, capsys):
    assert printable("a\x1b[2J\u202eb\tc\nd\x7f") == "a\\x1b[2J\\u202eb\tc\nd\\x7f"
    Path("\x1b[2J.csv").write_text(LOG.replace("step", "\x1b]0;x\x07,step"))
    for command in (ingest("\x1b[2J.csv"), ["fit", "\x1b[2J.csv"], ["check", "\x1b[2J.csv"]):
        said = run(monkeypatch, capsys, *command)
        assert said
        assert said.replace("\n", "").isprintable()


def test_a_log_whose_name_is_a_formula_is_refused(monkeypatch, capsys):
    Path("=cmd.csv").write_text(LOG)
    assert "'=cmd.csv' is no plain path" in run(monkeypatch, capsys, *ingest("=cmd.csv"))


@pytest.mark.parametrize("deep", ["(" * 3000 + "loss" + ")" * 3000, "-" * 5000 + "loss"])
def test_an_expression_nested_too_deep_is_a_sentence(monkeypatch, capsys, deep):
    Path("l.csv").write_text(LOG)
    command = [f"loss={deep}" if part == "loss=loss" else part for part in ingest("l.csv")]
    assert "within each other" in run(monkeypatch, capsys, *command)


def test_a_figure_is_not_drawn_through_a_link(monkeypatch, capsys):
    rows = (f"s,c{n},m{n},base,{k},b,{0.9 / k / n},{n * 10**6},{64 * k}"
            for n in (1, 2, 3) for k in range(1, 6))  # fmt: skip
    head = "study,cell,model,variant,step,benchmark,loss,n_params,data_samples"
    Path("curves.csv").write_text("\n".join([head, *rows]) + "\n")
    Path("f.svg").symlink_to("../own.txt")
    options = ("--benchmark=b", "--weighting=equal", "--figure=f.svg")
    run(monkeypatch, capsys, "fit", "curves.csv", *options)
    assert "<svg" in Path("f.svg").read_text()
    assert not Path("f.svg").is_symlink()
    assert Path("../own.txt").read_text() == "own"


@pytest.mark.parametrize("folder", [".snakemake", ".snakemake/metadata", ".state", "records"])
def test_the_workflows_own_folders_are_no_links_to_elsewhere(folder):
    Path(folder).parent.mkdir(exist_ok=True)
    Path(folder).symlink_to(Path("..").resolve())
    with pytest.raises(StudyError, match="a link leads to"), alone():
        read_notes()
    assert Path("../own.txt").read_text() == "own"


def test_the_runs_lock_is_not_written_through_a_link():
    Path(".state").mkdir()
    Path(".state/run.lock").symlink_to("../../own.txt")
    with pytest.raises(StudyError, match=r"run\.lock: is a link"), alone():
        pass
    assert Path("../own.txt").read_text() == "own"


def test_notes_that_lack_what_is_compared_are_none():
    path = notes_path("results/x")
    path.parent.mkdir(parents=True)
    for text in ("[1]", '{"rule": "r"}', "[" * 100_000):
        path.write_text(text)
        assert read_notes() == {}


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "loop/x"])
def test_a_path_that_cannot_be_followed_is_a_sentence(name):
    Path("loop").symlink_to("loop")
    with pytest.raises(StudyError, match="names "):
        inside_study(name, "a record")


@pytest.mark.parametrize("module", ["..", "*", "", "a.*", "a/b", 5])
def test_a_record_of_no_module_is_of_other_code(module):
    assert not is_current(module, [], "0")
    assert not is_current("rlscale.core.code", [module], "0")


def test_modules_that_may_have_moved_in_many_ways_are_not_all_tried(monkeypatch):
    monkeypatch.setattr("rlscale.core.code.code_digest", lambda *names: "1")
    moved = ".".join(("rlscale", "moved", "registry"))  # no module that a text should name
    assert not is_current(moved, [moved] * 40, "0")


@pytest.mark.parametrize("planted", ["pipe", "folder", "link"])
def test_what_stands_where_a_claim_would_is_named(planted):
    {"pipe": os.mkfifo, "folder": os.mkdir, "link": lambda name: os.symlink("../own.txt", name)}[
        planted
    ]("claim.1")
    with pytest.raises(StudyError, match=r"claim\.1: .* is none; remove it"), owned(Path("claim")):
        pass


@pytest.mark.parametrize("content", ["[" * 100_000, '{"pid": "../x"}', "{}"])
def test_a_claim_dated_ahead_does_not_last_for_ever(content):
    Path("claim.²").touch()  # a digit that is no number
    Path("claim.1").write_text(content)
    with pytest.raises(StudyError, match="cannot be read"), owned(Path("claim")):
        pass
    ahead = Path("claim.1").stat().st_mtime + 2 * STALE
    os.utime("claim.1", (ahead, ahead))
    with owned(Path("claim")):
        assert not Path("claim.1").exists()


def test_claims_of_gpus_are_in_a_folder_of_ones_own(monkeypatch, tmp_path):
    monkeypatch.setattr(devices.tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"rlscale-gpus-{os.getuid()}").mkdir(mode=0o755)
    with pytest.raises(StudyError, match="is another user's, or open to others"):
        devices._claim(["0", "1"], 1)


@pytest.mark.parametrize("text", ["a\ud800", "a\u2028b\x85c"])
def test_any_text_of_a_model_is_a_line(monkeypatch, capsys, text):
    row = {"response": f"{text}\\boxed{{1}}", "gold": "1"}
    Path("r.jsonl").write_text(json.dumps(row, ensure_ascii="\ud800" in text) + "\n")
    assert "1 correct" in run(monkeypatch, capsys, "judge", "r.jsonl", "--output=o.jsonl")
    Path("r.jsonl").write_text("[" * 100_000)
    assert "no JSON object" in run(monkeypatch, capsys, "judge", "r.jsonl", "--output=o.jsonl")
    for deadline in ("nan", "0"):
        command = ("judge", "r.jsonl", "--output=o.jsonl", f"--deadline={deadline}")
        assert "seconds above 0" in run(monkeypatch, capsys, *command)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "not a file of keys and values"),
        ("study: mine", "the key 'sweeps' is missing"),
        ("study: 5\nsweeps: 3", "sweeps: 3 is not a list"),
    ],
)
def test_prune_reads_no_more_of_a_configuration_than_its_study_and_sweeps(text, said, tmp_path):
    (tmp_path / "Snakefile").touch()
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(text)
    command = [sys.executable, "-m", "rlscale.cli.main", "prune"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
