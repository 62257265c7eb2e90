"""Random bytes and damaged files for all that reads strangers' files.

Whatever a file holds, it ends in our own error or in a result; nothing outside its scratch folder
is touched; and none takes long. `make test` draws a few files for each reader, `make test-long`
100,000 in all (RLSCALE_FUZZ=n: n for each), and docs/security.md has what it found.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conftest import ROOT
from rlscale.bank.source import read_card
from rlscale.cli import forecast, ingest
from rlscale.core.errors import StudyError
from rlscale.core.files import read_json, write_json
from rlscale.core.inside import inside_study
from rlscale.core.labels import check_label
from rlscale.core.manifests import read_manifest, sealed, verify_files
from rlscale.core.tables import read_curves
from rlscale.core.yaml_files import load
from rlscale.curves.guess import guess_format
from rlscale.curves.ingest import read_runs
from rlscale.curves.readers import CURVE_READERS
from rlscale.data.readers import read_rows
from rlscale.jobs import owner
from rlscale.judging.verifiers import VERIFIERS
from rlscale.study import lineage, records
from rlscale.study.adopt import adopt
from rlscale.study.pull import check_listing
from rlscale.study.schema import schema_findings
from rlscale.training.alternate import remove_weights

FEW = 25
LONGEST = 5.0  # seconds of one small file
OUTSIDE = "../../precious"
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
CONFIG = (ROOT / "config/published.yaml").read_text()

TABLE = "step,loss,model,n_params,benchmark,data_samples\n1,0.5,m,1e6,b,64\n2,0.4,m,1e6,b,128\n"
CURVES = (
    "study,cell,model,variant,step,benchmark,loss,n_params\ns,c,m,base,1,b,0.5,1\n"
    "s,c,m,base,2,b,0.4,1\n"
)
NOTE = {
    **dict.fromkeys(("params", "code", "conda_env", "container_img_url", "software_stack_hash")),
    "rule": "r",
    "input": ["raw"],
    "input_checksums": {},
    "log": [],
    "starttime": 0,
    "record_format_version": 6,
    "endtime": 0,
}
RECORD = [{"outputs": {"x.json": "0" * 64, OUTSIDE: None}, "notes": NOTE}]
GOOD_RECORD = [{"outputs": {"x.json": "0" * 64}, "notes": NOTE}]
EMPTY = sealed(kind="data", name="x", status="ok", files=[])
MANIFEST = sealed(
    kind="data", name="x", status="ok",
    files=[{"path": path, "bytes": 3, "sha256": "0" * 64} for path in (OUTSIDE, "results/x.csv")],
)  # fmt: skip
PAUSE = {"checkpoints": [{"step": 1, "path": OUTSIDE, "digest": "0"}], "evaluated": False}
LISTING = [{"md5": "0" * 32, "relpath": OUTSIDE}, {"md5": "1" * 32, "relpath": "a"}]
CLAIM = {"host": "h", "boot": "b", "pid": 1, "born": "1", "job": None, "since": "x"}
LOG = "".join(f"step:{i} - loss:{0.9 - 0.1 * i} - lr:1e-4\n" for i in range(4))
LINES = "".join(json.dumps({"_step": i, "loss": 1 / (1 + i)}) + "\n" for i in range(4))
QUESTIONS = json.dumps([{"question": "q", "answer": "#### 1"}])
OPENRLHF = "".join(f"Global step {i}: {{'loss': 0.{i}, 'a': np.float64(1)}}\n" for i in range(3))
PRIME_RL = (
    "Step 1 | Time: 9.1s | Reward: 0.4\nRunning evals for checkpoint step 1\n"
    "Evaluated gsm8k in 8s (Avg@4=0.5, Pass@1: 0.5)\n"
)
NEMO_RL = "==== Step 5/100 ====\nValidation Results:\n• Accuracy: 0.4321\n"
RESULTS = json.dumps({"results": {"a": {"acc,none": 0.5}}, "model_name": "checkpoint-1"})
EVALPLUS = json.dumps({"eval": {"H/0": [{"base_status": "pass", "plus_status": "fail"}]}})
CONSOLES = ("verl", "openrlhf", "prime_rl", "nemo_rl", "trl", "wandb", "tensorboard")
PROVENANCE = {
    "configuration": "c",
    "code": {"module": "rlscale.core.inside", "digest": "d", "used": []},
    "inputs": {"results/curves.csv": "0", OUTSIDE: "1"},
}
MAPPING = (
    "files: {t.csv: {}}\ncolumns: {loss: loss, step: step}\nformat: table\n"
    "run_pattern: '(?P<family>.)'\n"
    "constants: {model: m, variant: base, benchmark: b, n_params: 1000000}\n"
)
CARD = (ROOT / "resources/bank/tan2025_base/card.yaml").read_text()
PROBLEMS = "".join(json.dumps({"problem": f"{i}+1", "answer": str(i + 1)}) + "\n" for i in range(4))


def in_files(names: list[str], read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Write the bytes under one of the names, which they decide, and read."""

    def run(content: bytes) -> object:
        path = Path(names[len(content) % len(names)])
        path.write_bytes(content)
        return read(path)

    return run


def rows(path: Path) -> object:
    own = {"layout": "auto", "columns": {}, "wrapper": "", "files": [str(path)]}
    return list(read_rows(own))


def runs(path: Path) -> object:
    columns = {"loss": "loss", "step": "step", "tokens": "cumulative loss"}
    given = {"model": "m", "variant": "base", "benchmark": "b"}
    own = {"format": guess_format(path), "files": {str(path): given}, "columns": columns}
    return read_runs(own, "study")


def manifest(path: Path) -> object:
    path.write_bytes(resealed(path.read_bytes()))
    found = read_manifest(path)
    for entry in found["files"]:
        inside_study(entry["path"], path)
    return verify_files(found)


def resealed(content: bytes) -> bytes:
    """A stranger's manifest holds its own fingerprint, whatever else it says."""
    try:
        said = json.loads(content)
        said.pop("fingerprint", None)
        return json.dumps(sealed(**said)).encode()
    except (ValueError, AttributeError, TypeError, RecursionError):
        return content


def adopted(content: bytes) -> None:
    """A manifest and a record of a stranger, in a study."""
    content = resealed(content)
    Path("results/x.json").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    Path("results/x.run.json").write_bytes(content)
    write_json("records/results.json", [{"outputs": {"x.json": digest}, "notes": NOTE}])
    adopt(remove=True)


def recorded(content: bytes) -> None:
    Path("records/results.json").write_bytes(content)
    records.restore()


def listed(content: bytes) -> None:
    Path("listing").write_bytes(content)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    check_listing(Path("listing"), f"{digest}.dir", Path("results"), Path.cwd())


def claimed(content: bytes) -> None:
    Path("claim.1").write_bytes(content)
    with owner.owned(Path("claim")):
        pass


def paused(content: bytes) -> None:
    Path("pause.json").write_bytes(content)
    remove_weights(Path("pause.json"), Path("checkpoints"), 64)


def tracked(content: bytes) -> None:
    """A log in each of the formats that nothing but a user's word tells apart."""
    for form in CONSOLES:
        with contextlib.suppress(StudyError):
            Path("l.log").write_bytes(content)
            CURVE_READERS.get(form)(Path("l.log"))
    Path("results_1.json").write_bytes(content)
    for form in ("lm_eval", "lighteval", "evalplus"):
        with contextlib.suppress(StudyError):
            CURVE_READERS.get(form)(Path("results_1.json"))


def stored(content: bytes) -> None:
    """A tracker's SQLite file with damaged pages, and one whose values are damaged."""
    page = bytearray(STORE)
    page[100 : 100 + len(content)] = content
    for data in (content, bytes(page)):
        Path("m.db").write_bytes(data)
        for form in ("trackio", "mlflow"):
            with contextlib.suppress(StudyError):
                CURVE_READERS.get(form)(Path("m.db"))
    Path("m.db").write_bytes(store_of(content.decode("utf-8", "replace")))
    CURVE_READERS.get("trackio")(Path("m.db"))


def store_of(value: str) -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:")) as made:
        made.execute("create table metrics (run_name text, step integer, metrics text)")
        made.execute("insert into metrics values ('r', 1, ?)", [value])
        made.commit()
        return made.serialize()


STORE = store_of('{"loss": 0.5}')


def foldered(content: bytes) -> None:
    """A folder of MLflow's, of which each file is damaged in turn."""
    good = {"meta.yaml": b"run_name: r\n", "metrics/loss": b"1 0.5 1\n", "params/p": b"1"}
    run = Path("mlruns/0/r")
    for harmed in good:
        for name, whole in good.items():
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_bytes(content if name == harmed else whole)
        with contextlib.suppress(StudyError):
            CURVE_READERS.get("mlflow")(Path("mlruns"))


def drawn(content: bytes) -> None:
    Path("f.png").write_bytes(content)
    with contextlib.suppress(StudyError):
        list(lineage.trace(Path("f.png")))
    Path("f.pdf").write_bytes(b"%PDF /Keywords (" + content + b")")
    list(lineage.trace(Path("f.pdf")))


def mapped(content: bytes) -> None:
    """What is said of runs: a mapping, a card of the bank, a fit that is to be made again."""
    Path("m.yaml").write_bytes(content)
    Path("f.json").write_bytes(content)
    Path("t.csv").write_text(TABLE)
    with contextlib.suppress(StudyError):
        read_card(Path("m.yaml"))
    with contextlib.suppress(StudyError):
        forecast._fit_again(Path("f.json"))
    said = ingest._settings(MAPPING_ALONE)[0]
    read_runs({**said, "files": {"t.csv": {}}}, "study")


def judged(content: bytes) -> None:
    response = content.decode("utf-8", "replace")
    for name in ("exact", "number", "math", "choice", "grid", "program"):
        VERIFIERS.get(name).extract(response, "1")
        VERIFIERS.get(name).usable(response)


MAPPING_ALONE = argparse.Namespace(
    mapping=Path("m.yaml"), entity=None, project=None, files=[], map=[], set=[], run_pattern="",
    run_columns=[], runs=None, format="table",
)  # fmt: skip


def configured(path: Path) -> object:
    return schema_findings(load(path), SCHEMA)


# What reads -> how, and files of the kind that it is made for.
TARGETS: dict[str, tuple[Callable[[bytes], object], list[str]]] = {
    "data files": (
        in_files(
            ["d.jsonl", "d.json", "d.csv", "d.tsv", "d.parquet", "d.arrow", "d.json.gz"], rows
        ),
        # A file's length decides its name: JSON Lines, CSV and JSON.
        [PROBLEMS + "\n" * 4, "problem,answer\n1+1,2\n\n\n", f"{QUESTIONS:<49}\n"],
    ),
    "logs": (in_files(["l.csv", "l.jsonl", "l.log", "l.json", "l.txt"], runs), [TABLE, LOG, LINES]),
    "curves": (in_files(["curves.csv"], read_curves), [CURVES, CURVES.replace(",", ";")]),
    "manifests": (
        in_files(["results/m.json"], manifest),
        [json.dumps(MANIFEST), json.dumps(EMPTY)],
    ),
    "adopt": (adopted, [json.dumps(MANIFEST), json.dumps(EMPTY)]),
    "records": (recorded, [json.dumps(RECORD), json.dumps(GOOD_RECORD)]),
    "listings": (listed, [json.dumps(LISTING), json.dumps(LISTING[1:])]),
    "claims": (claimed, [json.dumps(CLAIM)]),
    "pauses": (paused, [json.dumps(PAUSE)]),
    "JSON": (in_files(["x.json"], read_json), [json.dumps(MANIFEST)]),
    "configurations": (in_files(["c.yaml"], configured), [CONFIG]),
    "names": (lambda content: check_label(content.decode("utf-8", "replace"), "x"), ["qwen-7b"]),
    "paths": (
        lambda content: inside_study(content.decode("utf-8", "replace"), "x"),
        ["a/b/../c", "a/b"],
    ),
    "consoles": (tracked, [OPENRLHF, PRIME_RL, NEMO_RL, RESULTS, EVALPLUS]),
    "stores": (stored, ['{"loss": 0.5}']),
    "folders of runs": (foldered, ["run_name: r\n", "1 0.5 1\n2 0.4 2\n"]),
    "figures": (drawn, [json.dumps(PROVENANCE)]),
    "mappings": (mapped, [MAPPING, CARD]),
    "responses": (judged, ["\\boxed{1}", "<answer>1</answer>", "```python\ndef f():\n```", "(A)"]),
}
BITS = st.sampled_from(
    [b'"', b"{", b"}", b"[", b"]", b",", b"\n", b"\0", b"..", b"/", b"null", b"NaN", b"1e999",
     b"-1", b"\xff", b"\xef\xbb\xbf", b'"path"', b"/etc/passwd", b"true", b"{}", b"[]", b"\\u0000",
     b"\\", b"$", b"<", b":", b"9" * 50, b"[" * 60, b"\\ud800", b"&a", b"*a", b"!!python/name:os"]
)  # fmt: skip


def contents(samples: list[str]) -> st.SearchStrategy[bytes]:
    """Bytes of any kind, and good files with parts cut out, doubled or replaced."""

    def damage(sample: str, edits: list[tuple[int, int, bytes]]) -> bytes:
        content = sample.encode()
        for place, length, bits in edits:
            at = place % (len(content) + 1)
            content = content[:at] + bits + content[at + length :]
        return content

    edit = st.tuples(st.integers(0, 10**4), st.integers(0, 12), BITS | st.binary(max_size=4))
    damaged = st.builds(damage, st.sampled_from(samples), st.lists(edit, min_size=1, max_size=6))
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=10,
    )
    return damaged | st.binary(max_size=200) | values.map(lambda v: json.dumps(v).encode())


@pytest.fixture
def scratch(monkeypatch) -> Iterator[Path]:
    """A study's folder in a folder of its own, beside something precious."""
    outer = Path(tempfile.mkdtemp())
    study = outer / "a" / "study"
    for name in ("results", "records", "config", "checkpoints"):
        (study / name).mkdir(parents=True)
    (outer / "precious").write_text("precious")
    (outer / "a" / "precious").write_text("precious")
    (study / "Snakefile").touch()
    (study / "config/config.yaml").write_text("study: mine\n")
    monkeypatch.chdir(study)
    monkeypatch.setattr("rlscale.study.runs.dry_run", lambda: "Nothing to be done")
    yield outer
    shutil.rmtree(outer)


def outside(outer: Path) -> dict[str, tuple[bytes, int]]:
    """All files around the study, with their bytes and times."""
    study = outer / "a" / "study"
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in outer.rglob("*")
        if path.is_file() and not path.is_relative_to(study)
    }


def fuzz(name: str, outer: Path, count: int) -> None:
    run, samples = TARGETS[name]
    before = outside(outer)

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count == FEW,
        suppress_health_check=list(HealthCheck),
    )
    @given(contents(samples))
    @example(samples[0].encode())
    @example(b"")
    def feed(content: bytes) -> None:
        def seconds() -> float:
            started = time.process_time()
            with contextlib.suppress(StudyError):
                run(content)
            return time.process_time() - started

        # What is slow by itself is so twice; a collection of other tests' garbage is not.
        assert seconds() < LONGEST or seconds() < LONGEST
        assert outside(outer) == before

    feed()


@pytest.mark.parametrize("name", TARGETS)
def test_a_few_damaged_files_end_in_our_own_error(name, scratch, capsys):
    fuzz(name, scratch, FEW)


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in ("claims", "pauses")])
def test_good_files_get_past_the_first_check(name, scratch, capsys):
    """A fuzz of files that are all refused for one reason looks at nothing else."""
    run, samples = TARGETS[name]
    results = 0
    for sample in samples:
        with contextlib.suppress(StudyError):
            run(sample.encode())
            results += 1
    assert results


# What longer campaigns found, and ended in a traceback.
FOUND = [
    ("logs", b'step,l"n_params,benchmark\n1,0.5,m,1e6,b,64\n2,0.4,m,1e6,b,128\n'),
    ("logs", b'{"":[]," ":[false ,false]}'),
    ("curves", CURVES.replace(",n_params", "").encode()),
    ("JSON", b'{"a": "\\ud800"}'),
    ("JSON", b"[" * 100_000),
    ("JSON", b"9" * 10_000),
    ("logs", b"[" * 100_000),
    ("logs", b"step:" + b"9" * 5_000 + b" - loss:0.5\n"),
    ("logs", b'{"step": 1, "loss": ' + b"9" * 400 + b"}"),
    ("logs", b'{"log_history": [{"step": 1}, [1, 2]]}'),
    ("logs", b'{"_step": ' + b"9" * 10_000 + b"}"),
    ("manifests", json.dumps({**MANIFEST, "kind": "\ud800"}).encode()),
    ("configurations", b"\0"),
    ("configurations", b"study: 2026-99-99"),
    ("configurations", b"[a]: b"),
    ("configurations", b"[" * 5_000),
    ("records", b"[{}]"),
    ("pauses", b"{}"),
    ("consoles", b"Global step 1: {'loss': ..0.2, 'a': 1.2.3}"),
    ("figures", json.dumps(PROVENANCE).replace('"module"', '"{module"').encode()),
    ("figures", json.dumps(PROVENANCE).replace('"used": []', '"used": 1').encode()),
]


@pytest.mark.parametrize(("name", "content"), FOUND)
def test_what_was_found_before_ends_in_our_own_error(name, content, scratch):
    with contextlib.suppress(StudyError):
        TARGETS[name][0](content)


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_many_damaged_files_end_in_our_own_error(name, scratch, capsys):
    fuzz(name, scratch, int(os.environ.get("RLSCALE_FUZZ", 100_000 // len(TARGETS) + 1)))
