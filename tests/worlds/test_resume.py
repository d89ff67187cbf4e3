"""An interruption, of whatever kind and at whatever step, leaves no trace in what a run becomes."""

import shutil
import signal

import pytest

from feedtwin.errors import DeterminismError, IntegrityError, RunFolderError
from feedtwin.record.folder import read_manifest
from feedtwin.record.reader import Run
from feedtwin.world import running
from feedtwin.world.running import RunOptions, resume, start

STEPS = 12


def _interrupt(progress):
    signal.raise_signal(signal.SIGINT)


class CrashError(BaseException):
    """Stands for the death of the process: nobody catches it."""


@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_crash_after_any_step_and_a_resume_give_the_straight_run(
    lab, kernels, straight, images, copied, step
):
    path = copied(images[step])
    finished = resume(path, kernels)
    assert finished.digest == straight.digest
    assert finished.steps_done == STEPS
    ours, theirs = lab.tables(path), lab.tables(straight.path)
    assert ours.keys() == theirs.keys()
    for name, table in theirs.items():
        assert ours[name].equals(table), name
    for name in ("users", "items", "step_metrics"):
        assert Run.open(path).table(name).equals(Run.open(straight.path).table(name)), name
    assert Run.open(path).commits == Run.open(straight.path).commits
    Run.open(path).verify()


@pytest.mark.parametrize("log", ["full", "digest"])
def test_a_run_that_is_interrupted_after_every_single_step_is_the_straight_run(
    lab, kernels, straight, tmp_path, log
):
    path = tmp_path / "run"
    options = RunOptions(STEPS, log, snapshot_every=1000)
    finished = start(lab.tiny(), path, options, kernels, _interrupt)
    interruptions = 0
    while finished.interrupted:
        interruptions += 1
        assert finished.steps_done == interruptions
        finished = resume(path, kernels, _interrupt)
    assert interruptions == STEPS - 1
    assert finished.digest == straight.digest
    assert Run.open(path).commits == Run.open(straight.path).commits
    if log == "full":
        theirs = lab.tables(straight.path)
        assert all(table.equals(theirs[name]) for name, table in lab.tables(path).items())


def test_a_crash_before_the_first_commit_can_be_resumed(
    lab, kernels, straight, tmp_path, monkeypatch
):
    def die(*arguments):
        raise CrashError

    with monkeypatch.context() as patch, pytest.raises(CrashError):
        patch.setattr(running.Registry, "create", die)
        start(lab.tiny(), tmp_path / "run", RunOptions(STEPS), kernels)
    assert resume(tmp_path / "run", kernels).digest == straight.digest


@pytest.mark.parametrize("point", ["registry", "journal", "snapshot"])
def test_a_crash_between_log_registry_journal_and_snapshot_is_caught_up(
    lab, kernels, straight, images, copied, monkeypatch, point
):
    target = {
        "registry": (running.Registry, "commit"),
        "journal": (running.Journal, "commit"),
        "snapshot": (running.snapshot, "save"),
    }[point]

    def die(*arguments, **options):
        raise CrashError

    path = copied(images[8])
    with monkeypatch.context() as patch, pytest.raises(CrashError):
        patch.setattr(*target, die)
        resume(path, kernels)
    finished = resume(path, kernels)
    assert finished.digest == straight.digest
    theirs = lab.tables(straight.path)
    assert all(table.equals(theirs[name]) for name, table in lab.tables(path).items())
    metrics = [Run.open(one).table("step_metrics") for one in (path, straight.path)]
    assert metrics[0].equals(metrics[1])


def test_a_registry_that_was_lost_is_filled_again(lab, kernels, straight, images, copied):
    path = copied(images[7])
    for file in path.glob("registry.sqlite*"):
        file.unlink()
    assert resume(path, kernels).digest == straight.digest
    metrics = [Run.open(one).table("step_metrics") for one in (path, straight.path)]
    assert metrics[0].equals(metrics[1])


def test_lost_and_damaged_snapshots_are_passed_over_and_said(kernels, straight, images, copied):
    path = copied(images[11])
    newest = path / "snapshots" / "9.safetensors"
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    finished = resume(path, kernels)
    assert finished.digest == straight.digest
    assert any("9.safetensors" in message for message in finished.messages)


def test_a_run_without_any_snapshot_is_executed_from_its_beginning(
    kernels, straight, images, copied
):
    path = copied(images[6])
    shutil.rmtree(path / "snapshots")
    assert resume(path, kernels).digest == straight.digest


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_torn_journal_tail_is_cut_and_said(kernels, straight, images, copied, cut):
    path = copied(images[6])
    data = (path / "journal").read_bytes()
    (path / "journal").write_bytes(data[:-cut])
    finished = resume(path, kernels)
    assert finished.digest == straight.digest
    assert any("dropped" in message for message in finished.messages)
    Run.open(path).verify()  # nothing of the torn tail is left between sound records


def test_an_event_stream_that_lags_behind_the_journal_is_executed_again(
    lab, kernels, straight, images, copied
):
    path = copied(images[6])
    earlier = Run.open(images[4]).marks()[3]["IMPRESSION_SERVED"]["bytes"]
    stream = path / "events" / "IMPRESSION_SERVED.arrows"
    stream.write_bytes(stream.read_bytes()[: earlier + 10])
    finished = resume(path, kernels)
    assert finished.digest == straight.digest
    assert any("re-executing" in message for message in finished.messages)
    theirs = lab.tables(straight.path)
    assert all(table.equals(theirs[name]) for name, table in lab.tables(path).items())


def test_a_finished_run_has_nothing_to_resume(kernels, straight, copied):
    with pytest.raises(RunFolderError, match="finished"):
        resume(copied(straight.path), kernels)


def test_the_manifest_has_the_final_digest_only_when_the_run_is_over(straight, images):
    assert read_manifest(images[11])["digest"] is None
    manifest = read_manifest(straight.path)
    assert manifest["digest"] == straight.digest
    assert (manifest["state"], manifest["steps_done"]) == ("finished", STEPS)


def test_other_code_is_refused_when_a_run_is_resumed(kernels, images, copied, monkeypatch):
    path = copied(images[8])  # its newest snapshot is older: steps are executed again and compared
    step = running.World.step

    def other_code(world):
        world.platform.telemetry.add("likes", 1)
        step(world)

    monkeypatch.setattr(running.World, "step", other_code)
    with pytest.raises(DeterminismError, match="journal, commit of step"):
        resume(path, kernels)


def test_a_snapshot_of_another_digest_is_refused(kernels, images, copied):
    path = copied(images[6])
    shutil.copy(path / "snapshots" / "4.safetensors", path / "snapshots" / "5.safetensors")
    with pytest.raises(IntegrityError, match=r"5\.safetensors.*another run or step"):
        resume(path, kernels)
