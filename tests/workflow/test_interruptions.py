"""Training survives interruptions: a resumed run ends equal, to the bit, to an undisturbed one."""

import random
import signal
import subprocess
import time

import pandas
import pytest
from training_run import STEPS, Run, assert_equal, outputs_are_whole

from rlscale.core.errors import StudyError
from rlscale.jobs.owner import owned
from rlscale.training.saving import prepare_state


def test_after_sigterm_and_sigkill_the_end_is_the_same(undisturbed, training_inputs, tmp_path):
    run = Run(tmp_path / "run", training_inputs)
    assert run.interrupt(signal.SIGTERM, after_steps=2) == 85
    stopped_at = run.saved_steps()
    assert 2 <= stopped_at < STEPS
    half_written = run.state / f"checkpoint-{2 * STEPS - 2}"
    half_written.mkdir()
    (half_written / "optimizer.pt").write_bytes(b"cut")
    assert run.interrupt(signal.SIGKILL, after_steps=stopped_at + 3) == -signal.SIGKILL
    assert not (run.outputs / "train.json").exists()
    assert "resuming" in run.finish()
    assert_equal(run, undisturbed)
    timings = pandas.read_csv(run.outputs / "timings.csv")
    assert timings.groupby("phase")["step"].agg(list).tolist() == [list(range(1, STEPS + 1))] * 5


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_random_moments_the_end_is_the_same(
    undisturbed, training_inputs, tmp_path, kills
):
    """SIGKILL whatever the run is at: loading, a rollout, an update, a checkpoint, its tables."""
    moments = random.Random(kills)
    for turn in range(kills):
        run = Run(tmp_path / f"run{turn}", training_inputs)
        began = time.monotonic()
        process = run.start()
        while process.poll() is None and run.saved_steps() < moments.randrange(STEPS):
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.communicate(timeout=60)
        assert outputs_are_whole(run)
        run.finish()
        assert_equal(run, undisturbed)
        print(f"kill {turn + 1} after {time.monotonic() - began:.1f} s")


def test_of_two_starts_one_trains_and_the_other_refuses(undisturbed, training_inputs, tmp_path):
    run = Run(tmp_path / "run", training_inputs)
    first = run.start()
    while not list(run.folder.glob("owner.*")):
        time.sleep(0.01)
    second = run.start()
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 86, said
    assert f"process {first.pid} on " in said
    first.communicate(timeout=600)
    assert first.returncode == 0
    assert_equal(run, undisturbed)


def test_a_run_whose_cell_was_taken_over_writes_nothing_more(
    undisturbed, training_inputs, tmp_path
):
    run = Run(tmp_path / "run", training_inputs)
    process = run.start()
    while run.saved_steps() < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    saved = run.saved_steps()
    with owned(run.folder / "other"):  # a claim of this process, put in the place of the cell's
        (run.folder / "other.1").rename(run.folder / "owner.2")
    record = (run.folder / "attempts.jsonl").read_bytes()
    process.send_signal(signal.SIGCONT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 86
    assert "taken over by another process" in said
    assert run.saved_steps() <= saved + 1  # that of the boundary at which it was stopped
    assert (run.folder / "attempts.jsonl").read_bytes() == record
    assert not run.outputs.joinpath("train.json").exists()
    (run.folder / "owner.2").unlink()
    run.finish()
    assert_equal(run, undisturbed)


@pytest.mark.parametrize("full", ["state", "checkpoints"])
def test_a_full_disk_is_named_and_the_run_goes_on_with_room(
    undisturbed, training_inputs, tmp_path, full
):
    run = Run(tmp_path / "run", training_inputs)
    folder = run.folder / full
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        process = run.start()
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 1
        assert f"error: {folder}: the disk is full" in said
        assert outputs_are_whole(run)
        assert not (run.outputs / "train.json").exists()
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        run.finish()
        assert_equal(run, undisturbed)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_finished_training_is_put_back_for_a_workflow_that_did_not_hear_of_its_end(
    undisturbed, training_inputs, tmp_path
):
    """A job can be killed after its training; Snakemake then removes what the rule declares."""
    run = Run(tmp_path / "run", training_inputs)
    run.finish()
    manifest = (run.outputs / "train.json").read_bytes()
    for path in run.outputs.iterdir():
        path.unlink()
    began = time.time()
    assert "its results are put back" in run.finish()
    assert (run.outputs / "train.json").read_bytes() == manifest
    assert_equal(run, undisturbed)
    saved = run.folder / f"checkpoints/step{STEPS}/model.safetensors"
    assert saved.stat().st_mtime < began
    # Weights that are no longer what was trained are trained again.
    saved.write_bytes(saved.read_bytes()[:-1] + b"x")
    for path in run.outputs.iterdir():
        path.unlink()
    assert f"{saved}: bytes differ" in run.finish()
    assert_equal(run, undisturbed)


def test_a_saved_state_whose_files_were_cut_off_is_refused_with_the_way_out(tmp_path):
    prepare_state(tmp_path, "settings")
    saved = tmp_path / "checkpoint-4"
    saved.mkdir()
    (saved / "optimizer.pt").write_bytes(bytes(9))
    (saved / "record.json").write_text('{"files": {"optimizer.pt": 9}}')
    assert prepare_state(tmp_path, "settings") == saved
    (saved / "optimizer.pt").write_bytes(bytes(4))
    with pytest.raises(StudyError, match=r"optimizer.pt: 4 bytes where 9 .* remove .*checkpoint-4"):
        prepare_state(tmp_path, "settings")


def test_state_of_other_settings_is_removed_not_resumed(tmp_path):
    assert prepare_state(tmp_path, "settings A") is None
    complete = tmp_path / "checkpoint-4"
    complete.mkdir()
    (complete / "record.json").write_text("{}")
    (tmp_path / "checkpoint-6").mkdir()  # without its record: half-written
    assert prepare_state(tmp_path, "settings A") == complete
    assert not (tmp_path / "checkpoint-6").exists()
    assert prepare_state(tmp_path, "settings B") is None
    assert not complete.exists()
