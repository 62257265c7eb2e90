"""Every format, packed and not, by name, folder and pattern, gives the same rows."""

import gzip
import io
import json
from pathlib import Path

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from rlscale.core.errors import StudyError
from rlscale.data.files import data_files
from rlscale.data.readers import read_rows

ROWS = [{"problem": f"{i}+1= é", "answer": str(i + 1), "n": i} for i in range(5)]
SETTINGS = {"layout": "plain", "columns": {}, "wrapper": ""}
TABLE = pyarrow.Table.from_pylist(ROWS)


def written(write, *arguments) -> bytes:
    """What a writer puts into a file."""
    sink = io.BytesIO()
    write(sink, *arguments)
    return sink.getvalue()


def arrow_file(sink) -> None:
    """Arrow's file format."""
    with pyarrow.ipc.new_file(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)


def arrow_stream(sink) -> None:
    """Arrow's stream format, as `datasets` writes it."""
    with pyarrow.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)


def separated(separator: str) -> bytes:
    """CSV or TSV."""
    lines = [["problem", "answer", "n"], *([r["problem"], r["answer"], str(r["n"])] for r in ROWS)]
    return "\n".join(separator.join(line) for line in lines).encode()


AS_LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()
FORMS = {
    "a.parquet": written(lambda sink: pyarrow.parquet.write_table(TABLE, sink)),
    "lines.jsonl": AS_LINES,
    "lines.json": AS_LINES,
    "lines.ndjson": b"\xef\xbb\xbf" + AS_LINES.replace(b"\n", b"\r\n\n"),
    "array.json": json.dumps(ROWS).encode(),
    "array.jsonl": json.dumps(ROWS).encode(),
    "indented.json": b"\xef\xbb\xbf" + json.dumps(ROWS, indent=2, ensure_ascii=False).encode(),
    "objects.json": "\n".join(json.dumps(row, indent=1) for row in ROWS).encode(),
    "a.csv": b"\xef\xbb\xbf" + separated(","),
    "a.tsv": separated("\t"),
    "file.arrow": written(arrow_file),
    "stream.arrow": written(arrow_stream),
}


def packed(content: bytes, suffix: str) -> bytes:
    """Bytes as .gz or .zst."""
    if suffix == ".gz":
        return gzip.compress(content)
    return pyarrow.compress(content, codec="zstd", asbytes=True)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_rows(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / (name + suffix)
    path.write_bytes(packed(FORMS[name], suffix) if suffix else FORMS[name])
    rows = read_rows({**SETTINGS, "files": [str(path)]})
    assert [(row.problem, row.answer) for row in rows] == [
        (row["problem"], row["answer"]) for row in ROWS
    ]
    assert [row.source for row in rows] == [f"{path.name}#{i}" for i in range(5)]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("name", [n for n in FORMS if not n.startswith(("lines", "a.c", "a.t"))])
def test_half_a_file_is_refused_and_named(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / (name + suffix)
    content = packed(FORMS[name], suffix) if suffix else FORMS[name]
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(StudyError) as refusal:
        read_rows({**SETTINGS, "files": [str(path)]})
    assert str(path) in str(refusal.value)


def test_folders_and_patterns_stand_for_their_files(tmp_path: Path) -> None:
    for name in ("x/1.json", "x/2.json", "y/1.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"problem": name, "answer": "1"}, indent=1))
    (tmp_path / "x" / "README.md").write_text("no data")

    def problems(*names: str) -> list[str]:
        return [r.problem for r in read_rows({**SETTINGS, "files": [tmp_path / n for n in names]})]

    assert problems("") == ["x/1.json", "x/2.json", "y/1.json"]
    assert problems("*/1.json") == ["x/1.json", "y/1.json"]
    assert problems("y", "x/2.json") == ["y/1.json", "x/2.json"]
    sources = {row.source for row in read_rows({**SETTINGS, "files": [tmp_path]})}
    assert len(sources) == 3, "files of one name are told apart"
    for nothing in ("*.parquet", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(StudyError, match="no data file is there"):
            data_files([tmp_path / nothing])


def test_a_data_set_saved_by_datasets_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list(ROWS)
    data.save_to_disk(tmp_path / "one", num_shards=2)
    rows = read_rows({**SETTINGS, "files": [tmp_path / "one"]})
    assert [row.problem for row in rows] == [row["problem"] for row in ROWS]
    datasets.DatasetDict({"train": data, "test": data}).save_to_disk(tmp_path / "both")
    with pytest.raises(StudyError, match=r"splits train, test; name one: .*both/train"):
        data_files([tmp_path / "both"])
    assert len(read_rows({**SETTINGS, "files": [tmp_path / "both" / "test"]})) == 5


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_bad_rows_of_an_array_are_listed_one_by_one(suffix: str, tmp_path: Path) -> None:
    good = '{"problem": "1+1=", "answer": "2"}'
    rows = [good, "[1, 2]", "7", '{"problem": "1", "problem": "2"}', good]
    text = "[" + ",\n".join(rows) + "]"
    path = tmp_path / f"a.json{suffix}"
    path.write_bytes(packed(text.encode(), suffix) if suffix else text.encode())
    failures = [row.failure for row in read_rows({**SETTINGS, "files": [path]})]
    assert failures == ["", *["not a JSON object"] * 2, "key 'problem' stands twice", ""]


@pytest.mark.parametrize("names", [("train-0.json", "test-0.json"), ("train/1.json", "test/1.json"),
                                   ("x_train.json", "x_test.json", "train.json", "dev.json"),
                                   ("a/train.json", "a/validation.json")])  # fmt: skip
def test_a_folder_of_several_splits_is_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps([ROWS[0]]))
    for named in (tmp_path, tmp_path / "**" / "*.json"):
        with pytest.raises(StudyError, match="stands for files of the splits"):
            data_files([named])
    assert data_files([tmp_path / name for name in names]) == [tmp_path / name for name in names]


def test_the_files_of_one_split_and_what_hubs_put_beside_them(tmp_path: Path) -> None:
    names = ["train-1.json", "train-2.json", "training.json", "testament.json"]
    for name in [*names, "dataset_infos.json", ".hidden.json"]:
        (tmp_path / name).write_text(json.dumps([ROWS[0]]))
    assert [file.name for file in data_files([tmp_path])] == sorted(names)


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    with pytest.raises(StudyError, match=r"a\.json: stands twice in `files`"):
        data_files([tmp_path / "a.json", tmp_path / "*.json"])
