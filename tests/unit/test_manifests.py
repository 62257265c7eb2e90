"""Manifests: what is in them, what they are blind to, and what they find out."""

import json
import os
import time
from pathlib import Path

import jsonschema
import pytest
import yaml

from rlscale.core import files, manifests
from rlscale.core.errors import StudyError

SCHEMAS = Path(__file__).parents[2] / "workflow" / "schemas"
SCHEMA = SCHEMAS / "manifest.schema.yaml"
RECORD_SCHEMA = SCHEMAS / "record.schema.yaml"


@pytest.fixture
def step(tmp_path):
    """Write a step of two files and its manifest; settings, times and code may be changed."""
    (tmp_path / "raw.csv").write_text("raw")
    for name, text in (("b.txt", "made b"), ("a.txt", "made a"), ("report.csv", "made r")):
        (tmp_path / name).write_text(text)

    def write(settings=None, started=0.0, code="rlscale.core.tables"):
        return manifests.write_manifest(
            tmp_path / "step.json",
            manifests.Provenance(
                code,
                settings or {"seed": 1},
                {"raw": tmp_path / "raw.csv"},
                seed=1,
                started=started,
            ),
            kind="data",
            name="toy",
            files=[tmp_path / "b.txt", tmp_path / "a.txt"],
            reports=[tmp_path / "report.csv"],
            noted={"rows": 3},
        )

    return write


def test_manifest_follows_its_schema(step):
    jsonschema.validate(step(), yaml.safe_load(SCHEMA.read_text()))


def test_bytes_do_not_depend_on_time_or_code(step, tmp_path):
    step(started=0.0, code="rlscale.core.tables")
    first = (tmp_path / "step.json").read_bytes()
    step(started=time.time(), code="rlscale.core.errors")
    assert (tmp_path / "step.json").read_bytes() == first
    run = files.read_json(tmp_path / "step.run.json")
    assert run["code"]["module"] == "rlscale.core.errors"


def test_a_step_that_came_out_the_same_has_the_same_manifest(step, tmp_path):
    """From other settings and inputs, with other reports for people."""
    first = step()
    before = (tmp_path / "step.json").read_bytes()
    (tmp_path / "raw.csv").write_text("other")
    (tmp_path / "report.csv").write_text("other")
    assert step({"seed": 2}) == first
    assert (tmp_path / "step.json").read_bytes() == before
    (tmp_path / "a.txt").write_text("other")
    assert step()["fingerprint"] != first["fingerprint"]


def test_what_it_was_made_from_stands_in_the_record(step, tmp_path):
    step({"seed": 2})
    record = manifests.read_record(tmp_path / "step.json")
    jsonschema.validate(record, yaml.safe_load(RECORD_SCHEMA.read_text()))
    assert record["settings"] == {"seed": 2}
    assert record["inputs"] == {"raw": files.file_sha256(tmp_path / "raw.csv")}
    assert [Path(entry["path"]).name for entry in record["files"]] == ["report.csv"]
    assert record["rows"] == 3


def test_an_input_manifest_counts_by_what_it_says(step, tmp_path):
    made = step()
    path = tmp_path / "step.json"
    assert manifests.input_fingerprints({"data": path}) == {"data": made["fingerprint"]}
    path.write_text(path.read_text().replace('"toy"', '"other"'))
    assert manifests.input_fingerprints({"data": path}) != {"data": made["fingerprint"]}


def test_a_manifest_that_was_changed_by_hand_is_refused(step, tmp_path):
    step()
    path = tmp_path / "step.json"
    path.write_text(path.read_text().replace('"status": "ok"', '"status": "diverged"'))
    with pytest.raises(StudyError, match=r"step\.json: .* by hand, or of an earlier version"):
        manifests.read_manifest(path)


def test_missing_input_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"gone\.json: input 'data' does not exist"):
        manifests.input_fingerprints({"data": tmp_path / "gone.json"})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), r"a\.txt: named by the manifest of toy, but missing"),
        (lambda path: path.write_text("made"), r"a\.txt: 4 bytes where .* says 6: truncated"),
        (lambda path: path.write_text("mode a"), r"a\.txt: bytes differ"),
    ],
)
def test_damaged_file_is_found_and_named(step, tmp_path, damage, message):
    manifest = step()
    manifests.verify_files(manifest)
    damage(tmp_path / "a.txt")
    with pytest.raises(StudyError, match=message):
        manifests.verify_files(manifest)


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"kind": "da', "not valid JSON"), ("[]", "not a manifest"), ('{"kind": 1}', "not a mani")],
)
def test_broken_manifest_is_named(tmp_path, text, message):
    (tmp_path / "step.json").write_text(text)
    with pytest.raises(StudyError, match=rf"step\.json: {message}"):
        manifests.read_manifest(tmp_path / "step.json")


def test_manifest_of_another_kind_is_refused(step, tmp_path):
    step()
    with pytest.raises(StudyError, match="kind 'data', expected 'train'"):
        manifests.read_manifest(tmp_path / "step.json", "train")


def test_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "step.json"
    files.write_json(path, {"old": 1})
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "\ud800")
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_data_set_in_json_is_an_input_like_any_file(tmp_path: Path) -> None:
    """Lines are no JSON document, and an array has no fingerprint of its own."""
    for name, text in (("lines.json", '{"a": 1}\n{"a": 2}\n'), ("array.json", "[1, 2]")):
        (tmp_path / name).write_text(text)
        found = manifests.input_fingerprints({"it": tmp_path / name})
        assert found == {"it": files.file_sha256(tmp_path / name)}


def test_files_have_the_rights_that_the_user_gives_them(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.write_text(tmp_path / "private.json", "{}")
        os.umask(0o022)
        files.write_text(tmp_path / "shared.json", "{}")
    finally:
        os.umask(before)
    rights = [(tmp_path / name).stat().st_mode & 0o777 for name in ("private.json", "shared.json")]
    assert rights == [0o600, 0o644]
