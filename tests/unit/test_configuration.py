"""Which configuration a command works with."""

import os
from pathlib import Path

import pytest
import yaml

from conftest import embedded_config
from rlscale.core.errors import StudyError
from rlscale.core.files import read_json, write_json
from rlscale.study import configuration


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A study's folder, outside of any workflow's job."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(configuration.VARIABLE, raising=False)
    write(embedded_config())
    return tmp_path


def write(config: dict) -> None:
    Path("config").mkdir(exist_ok=True)
    Path("config/config.yaml").write_text(yaml.safe_dump(config))


def test_by_hand_it_is_the_folders_own_with_all_defaults(folder):
    found = configuration.current()
    assert found["study"] == "embedded"
    assert found["training"]["faults"] == 3


def test_by_hand_another_file_can_be_named(folder):
    Path("other.yaml").write_text(yaml.safe_dump(embedded_config() | {"study": "other"}))
    assert configuration.current(Path("other.yaml"))["study"] == "other"


def test_a_job_keeps_that_of_its_workflow_whatever_becomes_of_the_file(folder, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    planned = configuration.current()
    configuration.use(planned)
    write(embedded_config() | {"study": "edited"})
    assert configuration.current() == planned


def test_a_configuration_kept_once_is_kept_as_it_was(folder, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for name in ("one", "two", "one"):
        configuration.use({"study": name})
    kept = sorted(read_json(path)["study"] for path in Path(".state/configurations").iterdir())
    assert kept == ["one", "two"]


def test_who_may_only_read_the_folder_keeps_nothing(folder, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(os, "access", lambda *_: False)
    configuration.use({"study": "seen"})
    assert not Path(".state").exists()


def test_mistakes_and_the_folder_of_another_study_are_refused(folder):
    write_json("results/study.json", {"study": "another"})
    with pytest.raises(StudyError, match="holds the study 'another', not 'embedded'"):
        configuration.current()
    write(embedded_config() | {"training_": {}})
    with pytest.raises(StudyError, match="training_: unknown key; did you mean training"):
        configuration.current()
    with pytest.raises(StudyError, match=r"none\.yaml: there is no such configuration file"):
        configuration.current(Path("none.yaml"))
