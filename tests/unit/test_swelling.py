"""Files of a few kilobytes that would fill the memory: refused by a sentence, honest ones read."""

import gzip
import json
import sqlite3
from pathlib import Path

import pytest

from rlscale.core import swelling
from rlscale.core.errors import StudyError
from rlscale.core.swelling import check_cells
from rlscale.core.tables import read_curves
from rlscale.core.yaml_files import load
from rlscale.curves.guess import guess_format
from rlscale.curves.ingest import read_runs

LIMIT = 1 << 20  # bytes, in the place of 256 MiB
GIVEN = {"model": "m", "variant": "base", "benchmark": "b", "n_params": 1e6}
HEAD = "study,cell,model,variant,step,benchmark,loss,n_params"
ROW = "s,c,m,base,{},b,0.5,1000000"


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """A smaller limit: the same rule costs less to reach."""
    monkeypatch.setattr(swelling, "_SMALL", LIMIT)
    monkeypatch.chdir(tmp_path)


def take(name: str, form: str = "") -> int:
    """Rows of curves that a log gives."""
    section = {
        "format": form or guess_format(Path(name)),
        "files": {name: GIVEN},
        "columns": {"loss": "loss", "step": "step"},
    }
    return len(read_runs(section, "study").table)


def logged(count: int, own: bool) -> list[dict[str, object]]:
    """Rows with a name each of their own, or all with the same names."""
    return [{"step": i, "loss": 0.5, f"k{i if own else 0}": 1} for i in range(count)]


def write_lines(rows: list[dict[str, object]]) -> str:
    Path("l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "l.jsonl"


def write_list(rows: list[dict[str, object]]) -> str:
    Path("l.json").write_text(json.dumps(rows))
    return "l.json"


def write_verl(rows: list[dict[str, object]]) -> str:
    lines = (" - ".join(f"{name}:{value}" for name, value in row.items()) for row in rows)
    Path("l.log").write_text("".join(f"{line}\n" for line in lines))
    return "l.log"


def write_trl(rows: list[dict[str, object]]) -> str:
    Path("trainer_state.json").write_text(json.dumps({"log_history": rows}))
    return "trainer_state.json"


def write_openrlhf(rows: list[dict[str, object]]) -> str:
    said = [{name: value for name, value in row.items() if name != "step"} for row in rows]
    Path("o.log").write_text("".join(f"Global step {i}: {own}\n" for i, own in enumerate(said)))
    return "o.log"


def write_nested(rows: list[dict[str, object]]) -> str:
    said = [{"step": row["step"], "data": row} for row in rows]
    Path("v.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    return "v.jsonl"


def write_trackio(rows: list[dict[str, object]]) -> str:
    with sqlite3.connect("t.db") as store:
        store.execute("create table metrics (run_name text, step integer, metrics text)")
        said = [("r", row["step"], json.dumps(row)) for row in rows]
        store.executemany("insert into metrics values (?, ?, ?)", said)
    return "t.db"


def write_mlflow(rows: list[dict[str, object]]) -> str:
    run = Path("mlruns/0/r")
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text("run_name: r\nlifecycle_stage: active\n")
    for row in rows:
        for name, value in row.items():
            if name != "step":
                with (run / "metrics" / name).open("a") as file:
                    file.write(f"{row['step']} {value} {row['step']}\n")
    return "mlruns"


WRITERS = [
    write_lines, write_list, write_verl, write_trl, write_openrlhf, write_nested, write_trackio,
    write_mlflow,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITERS)
def test_a_log_whose_rows_share_no_name_is_refused(write, monkeypatch):
    """n names in n rows are n^2 cells: 1.2 MB of JSON Lines were 7 GiB of a table."""
    monkeypatch.setattr(swelling, "_SWELLS", 10)
    name = write(logged(600, own=True))
    with pytest.raises(StudyError, match="nearly every cell is empty"):
        take(name)


@pytest.mark.parametrize("write", WRITERS)
def test_a_log_of_a_few_names_is_read_however_long(write, monkeypatch):
    monkeypatch.setattr(swelling, "_SWELLS", 10)
    assert take(write(logged(600, own=False))) == 600


@pytest.mark.parametrize(("columns", "refused"), [(1310, False), (1312, True)])
def test_the_limit_is_one_number(columns, refused):
    """100 rows and 8 bytes a cell: 1 MiB are 1,310.7 columns."""
    Path("x").write_text("x")
    if not refused:
        check_cells(Path("x"), 100, columns)
        return
    with pytest.raises(StudyError, match="x: 100 rows of 1312 columns would fill 1 MiB, of 1 byte"):
        check_cells(Path("x"), 100, columns)


@pytest.mark.parametrize("read", [read_curves, take])
def test_a_wide_header_above_many_empty_rows_is_refused(read):
    names = ",".join(f"k{i}" for i in range(2000))
    Path("c.csv").write_text(f"{HEAD},{names}\n" + "1\n" * 2000)
    with pytest.raises(StudyError, match="nearly every cell is empty"):
        read("c.csv")


def test_a_wide_table_that_is_full_is_read():
    names = ",".join(f"k{i}" for i in range(500))
    rows = [ROW.format(i) + ",1" * 500 for i in range(400)]
    Path("c.csv").write_text("\n".join([f"{HEAD},{names}", *rows]) + "\n")
    assert take("c.csv") == 400


def test_a_packed_curves_table_is_counted_as_it_opens():
    rows = "".join(f"{ROW.format(i)}\n" for i in range(20_000))
    with gzip.open("good.csv.gz", "wt") as file:
        file.write(f"{HEAD}\n{rows}")
    assert len(read_curves("good.csv.gz")) == 20_000
    with gzip.open("bomb.csv.gz", "wt") as file:
        file.write(f"{HEAD}\n" + "\n" * (300 * LIMIT))
    with pytest.raises(StudyError, match="opens to more than"):
        read_curves("bomb.csv.gz")


@pytest.mark.parametrize(("depth", "refused"), [(5, False), (6, True), (60, True)])
def test_aliases_that_stand_for_more_than_a_configuration_are_refused(depth, refused):
    """Ten aliases of ten aliases of ...: checking what 60 lines stand for would never end."""
    lines = ["a0: &a0 1"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, depth + 1)]
    Path("c.yaml").write_text("\n".join(lines))
    if refused:
        with pytest.raises(StudyError, match="aliases stand for more than 1,000,000 values"):
            load("c.yaml")
    else:
        assert len(load("c.yaml")) == depth + 1


def test_yaml_that_holds_itself_is_refused():
    Path("c.yaml").write_text("a: &a [*a]\n")
    with pytest.raises(StudyError, match="not YAML that a configuration can be"):
        load("c.yaml")
