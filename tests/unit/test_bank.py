"""The bank of curves: what stands in it, what its validator refuses, how a source is added."""

import subprocess
import sys
from pathlib import Path

import pandas
import pytest
import yaml
from curve_tables import straight_curves

from rlscale.bank.add import add_source
from rlscale.bank.check import check_sources
from rlscale.bank.source import BANK, read_source, source_folders
from rlscale.core.errors import StudyError
from rlscale.core.tables import write_curves

CARD = {
    "source": "A study that this test simulates", "url": "https://example.org", "origin": "test",
    "licence": "Apache-2.0", "reading_error": 0, "runs_per_point": "1", "benchmark": "held_out",
    "sweeps": [{"size": "n_params"}], "quirks": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def curves():
    return straight_curves(noise=0.01, steps=range(12)).assign(study="simulated")


@pytest.fixture
def folder(tmp_path, curves):
    return write_source(tmp_path, curves)


def write_source(bank, curves, **changes):
    folder = bank / "simulated"
    folder.mkdir(exist_ok=True)
    card = {key: value for key, value in (CARD | changes).items() if value is not None}
    (folder / "card.yaml").write_text(yaml.safe_dump(card))
    curves.to_csv(folder / "curves.csv", index=False)
    return folder


def refusal(folder):
    with pytest.raises(StudyError) as error:
        check_sources([read_source(folder)])
    return str(error.value)


def test_the_banks_own_sources_pass_and_their_curves_are_counted():
    sources = [read_source(folder) for folder in source_folders(BANK)]
    check_sources(sources)
    counts = {source.name: source.curve_count for source in sources}
    assert counts["tan2025_base"] == 7 * 8
    assert counts["tan2025_instruct"] == 7
    assert counts["tan2025_7b"] == 2 * (7 + 4) - 1


def test_the_banks_numbers_are_those_of_the_published_points():
    base = read_source(BANK / "tan2025_base").curves
    base = base[base["benchmark"] == "held_out"].set_index(["n_params_nominal", "step"])["loss"]
    read = pandas.read_csv(BANK.parent / "published/points_base.csv")
    read = read[(read["recipe"] == "main") & (read["benchmark"] == "held_out")]
    read = read.assign(n_params_nominal=1e9 * read["model_size_b"])
    read = read.set_index(["n_params_nominal", "step"])["test_loss"]
    apart = (base - read).abs()
    assert len(apart) == len(read) == 732
    assert apart.max() < 2e-4  # what the readings from pictures are good to


def test_a_sound_source_passes(folder):
    check_sources([read_source(folder)])


def set_rows(column, change, rows=slice(None)):
    def changed(curves):
        curves[column] = curves[column].astype(float)
        curves.loc[curves.index[rows], column] = change(curves.loc[curves.index[rows], column])
        return curves

    return changed


def repeat_a_cell(curves):
    one = curves[curves["model"] == "1b"]
    return pandas.concat([curves, one.assign(cell="other", model="2b", n_params=2e9)])


BAD = {
    "percent": (set_rows("loss", lambda v: 100 * v), "a percentage?"),
    "sizes in 1e9": (set_rows("n_params", lambda v: v / 1e9), "write 7e9 for 7B"),
    "epochs": (set_rows("data_samples", lambda v: v / 1e5), "count problems"),
    "PFLOPs": (set_rows("compute_flops", lambda v: v / 1e15), "write FLOPs"),
    "falling compute": (
        set_rows("compute_flops", lambda v: v.to_numpy()[::-1], slice(3, 10)),
        "compute_flops does not grow at step 4",
    ),
    "constant data": (
        set_rows("data_samples", lambda v: v.iloc[0], slice(4, 8)),
        "data_samples does not grow at step 5",
    ),
    "duplicate point": (lambda c: pandas.concat([c, c.iloc[[5]]]), "repeats study=simulated"),
    "the same curve twice": (repeat_a_cell, "is the curve of simulated: other"),
    "accuracy as loss": (
        lambda c: c.assign(pass_at_1=1 - c["loss"], loss=1 - c["loss"]),
        "loss is not 1 - pass_at_1",
    ),
    "a short curve": (lambda c: c[(c["model"] != "1b") | (c["step"] < 4)], "3 points after step 0"),
    "no data": (set_rows("data_samples", lambda v: None), "data_samples is empty"),
    "another study": (lambda c: c.assign(study="mine"), "it must be the folder's name"),
    "two N of a model": (
        set_rows("n_params", lambda v: 2 * v, slice(1, 2)), "rows disagree about its n_params"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_curves_are_refused(tmp_path, curves, name):
    change, words = BAD[name]
    assert words in refusal(write_source(tmp_path, change(curves.copy())))


BAD_CARDS = {
    "no licence": ({"licence": None}, "exactly one of licence, facts is needed; none of them"),
    "two terms": ({"facts": "read from figures"}, "not both of licence and facts"),
    "no reading error": ({"reading_error": None}, "the key 'reading_error' is missing"),
    "no runs": ({"runs_per_point": None}, "the key 'runs_per_point' is missing"),
    "a typing error": ({"quirk": "none"}, "quirk: unknown key; did you mean quirks?"),
    "no link": ({"url": "a paper"}, "beginning with https://"),
    "unknown size": ({"sweeps": [{"size": "layers"}]}, "'layers' is none of the allowed values"),
    "unknown column": (
        {"sweeps": [{"size": "n_params", "select": {"depth": 2}}]}, "'depth' is not a column"
    ),
    "a cell outside": (
        {"sweeps": [{"size": "n_params", "select": {"model": ["3b", "9b", "27b"]}}]},
        "main/1b-base/tau1-g8/seed0: stands in no sweep",
    ),
    "unknown benchmark": ({"benchmark": "aime"}, "benchmark 'aime' is not in curves.csv"),
    "unknown repeat": ({"repeats": ["x"]}, "repeats names the cell 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CARDS)
def test_bad_cards_are_refused(tmp_path, curves, name):
    changes, words = BAD_CARDS[name]
    assert words in refusal(write_source(tmp_path, curves, **changes))


def test_a_folder_without_a_card_is_refused(folder):
    (folder / "card.yaml").unlink()
    assert "no card.yaml" in refusal(folder)


def test_a_source_is_added_once_and_holds_what_forecasts_read(tmp_path, curves):
    table, card = tmp_path / "curves.csv", tmp_path / "card.yaml"
    write_curves(curves.assign(study="mine", gpu_seconds=0), table)
    card.write_text(yaml.safe_dump(CARD))
    added = add_source(table, card, "mine", tmp_path / "bank")
    again = read_source(tmp_path / "bank/mine")
    assert again.files == added.files
    assert again.curves["loss"].round(8).tolist() == added.curves["loss"].round(8).tolist()
    header = (tmp_path / "bank/mine/curves.csv").read_text().splitlines()[0].split(",")
    assert "gpu_seconds" not in header
    assert "loss_se" not in header  # empty columns are left out
    with pytest.raises(StudyError, match="there is such a source"):
        add_source(table, card, "mine", tmp_path / "bank")


def test_the_command_says_what_is_wrong_in_a_sentence(folder):
    command = [Path(sys.executable).with_name("rlscale"), "bank", "check"]
    good = subprocess.run([*command, folder], capture_output=True, text=True)
    assert good.stdout == (
        "simulated: 4 curves, 48 points, 4 runs or means of runs; Apache-2.0\n"
        "1 sources, 4 curves, nothing to refuse\n"
    )
    (folder / "card.yaml").write_text("source: nothing\n")
    bad = subprocess.run([*command, folder], capture_output=True, text=True)
    assert bad.returncode == 1
    assert bad.stderr.startswith("error: ")
    assert "Traceback" not in bad.stderr
