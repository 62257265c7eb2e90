"""Shards of an evaluation: every sample in exactly one, checkpoints first, in equal shares."""

from collections import Counter
from pathlib import Path

import pytest

from conftest import embedded_config
from rlscale.core.errors import StudyError
from rlscale.core.files import write_json
from rlscale.core.manifests import run_record
from rlscale.core.yaml_files import load
from rlscale.evaluation.samples import SampleStore
from rlscale.evaluation.shards import Shard
from rlscale.study import grid, inputs, layout, settings
from rlscale.study.schema import SCHEMA, with_defaults

PROBLEMS = [f"problem{number}" for number in range(400)]


@pytest.mark.parametrize(
    ("count", "checkpoints"), [(1, 3), (2, 3), (3, 3), (4, 16), (7, 2), (5, 1)]
)
def test_every_sample_is_of_one_shard_and_shards_are_equal_and_touch_few_checkpoints(
    count, checkpoints
):
    shards = [Shard(number, count) for number in range(1, count + 1)]
    held = {
        (place, problem): [one for one in shards if one.holds(place, checkpoints, problem)]
        for place in range(checkpoints)
        for problem in PROBLEMS
    }
    assert {len(owners) for owners in held.values()} == {1}
    sizes = Counter(owners[0] for owners in held.values())
    share = len(held) / count
    assert all(abs(sizes[shard] - share) < 0.2 * share for shard in shards)
    for shard in shards:
        places = sorted({place for (place, _), owners in held.items() if owners == [shard]})
        assert places == list(range(places[0], places[-1] + 1))
        assert len(places) <= checkpoints / count + 2


def test_names_of_shards_are_read_back():
    assert Shard.named(str(Shard(2, 3))) == Shard(2, 3)
    for name in ("0of3", "4of3", "2 of 3", "second", "-1of2"):
        with pytest.raises(StudyError, match="the second of three is called 2of3"):
            Shard.named(name)


def test_writers_of_one_journal_see_what_others_have_saved_and_overwrite_nothing(tmp_path):
    def row(sample):
        key = {"checkpoint": "c", "benchmark": "b", "version": 1, "problem_id": "p"}
        key |= {"sample": sample, "prompt": "x", "sampling": "t"}
        return {**key, "step": 0, "text": "", "tokens": 1, "prompt_tokens": 1}

    place = (tmp_path / "samples.parquet", tmp_path / "journal")
    for number, writer in enumerate(("1of2", "2of2", "", "1of2")):
        store = SampleStore(*place, writer)
        assert len(store) == number
        store.append([row(number)])
        store.flush()
    whole = SampleStore(*place)
    assert len(whole.frame()) == 4
    whole.replace(whole.frame())
    assert not place[1].exists()


@pytest.fixture
def config():
    own = embedded_config()
    own["resources"]["default"]["evaluation"] = {"shards": 3}
    return with_defaults(own, load(SCHEMA))


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_the_number_holds_for_what_is_to_be_asked_and_what_was_asked_keeps_its_own(
    config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    cell = grid.expand(config)[0]
    assert names(inputs.shards_of_cell(config, cell)) == ["1of3.json", "2of3.json", "3of3.json"]
    record = run_record(layout.CellFiles.of(cell.path).evaluation)
    asked = {"settings": settings.evaluation(config, cell)}
    write_json(record, asked)  # by one job, as an earlier version's record says
    assert inputs.shards_of_cell(config, cell) == []
    write_json(record, {**asked, "shards": 2})
    assert names(inputs.shards_of_cell(config, cell)) == ["1of2.json", "2of2.json"]
    config["evaluation"]["temperature"] = 0.5
    assert len(inputs.shards_of_cell(config, cell)) == 3
    config["resources"]["default"]["evaluation"]["shards"] = 1
    assert inputs.shards_of_cell(config, cell) == []


def test_shards_of_what_a_trainings_own_job_asks_are_refused(config):
    config["training"]["checkpoints_on_disk"] = 1
    with pytest.raises(StudyError, match=r"evaluation\.shards: with training\.checkpoints_on_disk"):
        grid.check(config)
