"""kill -9 at any moment after a run's folder exists loses nothing that cannot be made again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from feedtwin.errors import RunFolderError
from feedtwin.numerics import uniform32
from feedtwin.randomness import philox4x32
from feedtwin.record.reader import Run
from feedtwin.world.replay import replay
from feedtwin.world.running import resume

STEPS = 6

# One process imports everything once and forks a fresh child per job, so that a kill costs the time of a
# run and not that of an interpreter. `die_at` kills the child itself at its n-th change of the disk;
# from change `fail_from` on the disk is full.
SERVER = """
import json, os, signal, sys
from pathlib import Path
import duckdb, numpy, pyarrow, pyarrow.parquet, safetensors.numpy
from feedtwin.kernels.binding import load
from feedtwin.schema.events import EVENTS
from feedtwin.schema.settings import Settings
from feedtwin.world.build import build
from feedtwin.world.manifest import code_hash
from feedtwin.world.running import RunOptions, resume, start

KERNELS, say = load("auto"), os.write
world = build(Settings.model_validate(json.loads(sys.argv[1])), KERNELS)
world.step()  # what is read and cached once is inherited by every child
code_hash(), [event.arrow for event in EVENTS.values()]

def arm(die_at, fail_from):
    calls, remove = [0], os.unlink
    def counted(original):
        def call(*arguments, **options):
            calls[0] += 1
            if calls[0] == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if 0 < fail_from <= calls[0] and original is not remove:  # a full disk lets one remove
                raise OSError(28, os.strerror(28))
            return original(*arguments, **options)
        return call
    for name in ("fsync", "write", "ftruncate", "open", "unlink", "replace", "rename", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    return calls

def work(job):
    path = Path(job["path"])
    calls = arm(job.get("die_at", 0), job.get("fail_from", 0))
    if job["do"] == "start":
        options = RunOptions(job["steps"], job["log"], 2)
        finished = start(Settings.model_validate(job["settings"]), path, options, KERNELS)
    else:
        finished = resume(path, KERNELS)
    return {"digest": finished.digest, "calls": calls[0]}

for line in sys.stdin:
    job = json.loads(line)
    answer, question = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            found = work(job)
        except BaseException as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        say(question, json.dumps(found).encode())
        os._exit(0)
    os.close(question)
    print(pid, flush=True)
    sys.stdin.readline()  # until then the dead child keeps its id, which the test kills by
    with os.fdopen(answer) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    print(json.dumps({"killed": os.WIFSIGNALED(status), **(json.loads(text) if text else {})}), flush=True)
"""


class Server:
    """Children that run and resume worlds, and can be killed."""

    def __init__(self, settings: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def begin(self, **job):
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def do(self, **job):
        self.begin(**job)
        return self.end()


@pytest.fixture(scope="module")
def server(job):
    server = Server(json.dumps(job["settings"]))
    yield server
    server.process.stdin.close()
    server.process.stdout.close()
    server.process.wait()


@pytest.fixture(scope="module")
def job(lab):
    settings = lab.tiny(users=50).model_dump()
    return {"do": "start", "steps": STEPS, "log": "full", "settings": settings}


@pytest.fixture(scope="module")
def truth(server, job, tmp_path_factory):
    """Digest of the uninterrupted run, and the seconds from its folder's birth to its end."""
    path = tmp_path_factory.mktemp("truth") / "run"
    server.begin(**job, path=str(path))
    _wait_for(path)
    began = time.perf_counter()
    digest = server.end()["digest"]
    return digest, time.perf_counter() - began, path


def _wait_for(path: Path) -> None:
    deadline = time.perf_counter() + 60
    while not (path / "journal").exists() and time.perf_counter() < deadline:
        time.sleep(0.0005)


def _moments(seed: int, count: int) -> list[float]:
    """Numbers in (0, 1) that depend on the seed alone."""
    index = np.arange(count, dtype=np.uint32)
    zero = np.uint32(0)
    return uniform32(philox4x32(index, zero, zero, zero, seed, 0)[0]).tolist()


def _kill_after(server, seconds, path, **job) -> bool:
    """Start a job, kill it; whether it was still alive."""
    pid = server.begin(**job, path=str(path))
    _wait_for(path)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return bool(server.end()["killed"])


def _check(path: Path, digest: str, truth_path: Path) -> None:
    ours, theirs = Run.open(path), Run.open(truth_path)
    ours.verify()
    assert ours.closing is not None
    assert ours.closing["digest"] == digest
    assert ours.commits == theirs.commits
    index = "events/index.json"  # vouches for every byte of every event file
    assert (path / index).read_bytes() == (truth_path / index).read_bytes()


@pytest.mark.parametrize("half", [0, 1])
def test_forty_kills_at_random_moments_leave_a_run_that_resumes_to_the_same_digest(
    server, job, truth, tmp_path, half
):
    digest, seconds, truth_path = truth
    kills = again = 0
    for attempt, moment in enumerate(_moments(half, 80)):
        path = tmp_path / str(attempt)
        if not _kill_after(server, moment * seconds, path, **job):
            continue  # it was faster than the clock: not a kill
        kills += 1
        if attempt % 4 == 0:  # some are killed again while they recover
            pause = moment * seconds / 3
            again += _kill_after(server, pause, path, do="resume")
        if Run.open(path).closing is None:
            assert server.do(do="resume", path=str(path)).get("digest") == digest, (attempt, moment)
        _check(path, digest, truth_path)
        if kills == 20:
            break
    assert kills == 20
    assert again >= 2


def test_a_run_that_was_killed_replays(server, job, truth, tmp_path, kernels):
    digest, seconds, _ = truth
    part = next(
        k for k in (2, 4, 8, 1000) if _kill_after(server, seconds / k, tmp_path / str(k), **job)
    )
    server.do(do="resume", path=str(tmp_path / str(part)))
    assert replay(tmp_path / str(part), kernels).digest == digest


def test_a_killed_run_of_log_level_digest_resumes_to_the_same_digest(server, job, truth, tmp_path):
    digest, seconds, _ = truth
    for attempt, moment in enumerate(_moments(5, 4)):
        path = tmp_path / str(attempt)
        _kill_after(server, moment * seconds / 2, path, **{**job, "log": "digest"})
        if Run.open(path).closing is None:
            server.do(do="resume", path=str(path))
        assert Run.open(path).closing["digest"] == digest


def _die_at(server, job, truth, tmp_path, points) -> None:
    digest, _, truth_path = truth
    for point in points:
        path = tmp_path / str(point)
        died = server.do(**job, path=str(path), die_at=point)
        assert died["killed"], point
        if not path.exists():  # before the folder was renamed to its place: nothing is left there
            continue
        if Run.open(path).closing is None:
            found = server.do(do="resume", path=str(path))
            assert found.get("digest") == digest, (point, found)
        _check(path, digest, truth_path)


def test_a_death_at_a_change_of_the_disk_can_be_resumed(server, job, truth, tmp_path):
    calls = server.do(**job, path=str(tmp_path / "count"))["calls"]
    assert calls > 100
    _die_at(server, job, truth, tmp_path, range(7, calls, calls // 10))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_death_at_every_change_of_the_disk_can_be_resumed(server, job, truth, tmp_path):
    calls = server.do(**job, path=str(tmp_path / "count"))["calls"]
    _die_at(server, job, truth, tmp_path, range(1, calls + 1))


def test_a_disk_that_is_full_from_some_moment_on_is_said_and_the_run_can_be_resumed(
    server, job, truth, tmp_path
):
    digest, _, truth_path = truth
    calls = server.do(**job, path=str(tmp_path / "count"))["calls"]
    for point in [1, 2, 5, *range(11, calls, calls // 6)]:
        path = tmp_path / str(point)
        died = server.do(**job, path=str(path), fail_from=point)
        assert died.get("error", "").startswith("RunFolderError"), (point, died)
        assert "free some disk space" in died["error"], (point, died)
        if path.exists():
            assert server.do(do="resume", path=str(path)).get("digest") == digest, point
            _check(path, digest, truth_path)


def test_two_processes_do_not_write_one_run(server, job, truth, tmp_path, kernels):
    path = tmp_path / "run"
    pid = server.begin(**job, path=str(path))
    _wait_for(path)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(RunFolderError, match=f"process {pid} is writing"):
            resume(path, kernels)
    finally:
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGKILL)
        server.end()
    assert resume(path, kernels).digest == truth[0]  # the lock of a dead process does not hold
