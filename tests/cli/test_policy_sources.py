"""A policy of one's own that is mended or changed: the run says so, and is not called damaged."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

POLICY = """import numpy as np
from feedtwin.policies.interface import ALL, Pool, Ranking, policy


@policy("recommendation", "mine", section="recommendation")
class Mine:
    def __init__(self, settings):
        self.settings = settings

    def pools(self, view):
        if view.step == BAD_STEP:
            raise ValueError("not yet")
        return [Pool(ALL, np.nonzero(view.items.is_public)[0], 50)]

    def ranking(self, view):
        return Ranking(0.0, 0.0, SIGN * view.items.created_step.astype(np.float32))

    def scores(self, view, block):
        raise NotImplementedError
"""


class Lab:
    def __init__(self, folder):
        self.folder = folder
        self.hashes = []

    def policy(self, bad_step=-1, sign=1):
        text = POLICY.replace("BAD_STEP", str(bad_step)).replace("SIGN", str(sign))
        (self.folder / "ranker.py").write_text(text)
        self.hashes.append(hashlib.sha256(text.encode()).hexdigest())

    def __call__(self, *words, status=0):
        path = os.pathsep.join([".", *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "feedtwin", *words], cwd=self.folder, capture_output=True,
            text=True, env=environment, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def sources(self, run):
        manifest = json.loads((self.folder / run / "manifest.json").read_text("utf-8"))
        return [(row["from_step"], row["sha256"]) for row in manifest["policy_sources"]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A run whose policy failed at step 3, was mended and went on; `b` forks it there."""
    lab = Lab(tmp_path_factory.mktemp("sources"))
    lab.policy(bad_step=3)
    lab.stopped = lab(
        "run", "synthetic", "--users", "60", "--steps", "5", "--seed", "5", "--out", "a", "--set",
        "policies.recommendation=ranker:Mine", status=2,
    )  # fmt: skip
    lab.policy()
    lab.resumed = lab("resume", "a")
    lab.forked = lab("fork", "a", "--at", "4", "--out", "b")
    return lab


def test_a_policy_that_fails_after_a_step_is_named_with_the_way_to_go_on(lab):
    said = lab.stopped.stderr
    assert "policy Mine, step 3, contract recommendation.pools: raised ValueError: not yet" in said
    assert "Chosen by policies.recommendation=ranker:Mine" in said
    assert said.count("feedtwin resume a") == said.count("resume") == 1


def test_a_policy_that_fails_before_anything_is_written_offers_nothing_to_resume(lab):
    lab.policy(bad_step=0)
    try:
        said = lab(
            "run", "synthetic", "--users", "60", "--steps", "5", "--out", "never", "--set",
            "policies.recommendation=ranker:Mine", status=2,
        ).stderr  # fmt: skip
    finally:
        lab.policy()
    assert "contract recommendation.pools" in said and "resume" not in said
    assert not (lab.folder / "never").exists()


def test_a_resumed_run_records_the_mended_file_with_its_step(lab):
    assert lab.sources("a") == [(0, lab.hashes[0]), (3, lab.hashes[1])]
    assert "policies.recommendation=ranker:Mine: another file from step 3 on" in lab.resumed.stdout
    manifest = json.loads((lab.folder / "a" / "manifest.json").read_text("utf-8"))
    assert manifest["own_policies"] == {"recommendation": lab.hashes[1]}
    assert lab.sources("b") == lab.sources("a")


@pytest.mark.parametrize(
    "words", [("replay", "a"), ("fork", "a", "--at", "4"), ("trace", "a", "--impression", "5:0:0")]
)
def test_a_file_that_gives_the_same_is_named_all_the_same(lab, words):
    said = lab(*words).stdout
    assert f"{lab.hashes[0][:12]} from step 0 on, {lab.hashes[1][:12]} from step 3 on" in said


def test_a_file_that_gives_something_else_is_blamed_and_not_the_run(lab):
    lab.policy(sign=-1)
    try:
        for words, status in ((("replay", "a"), 1), (("fork", "a", "--at", "2"), 2)):
            said = lab(*words, status=status).stderr
            assert "policies.recommendation=ranker:Mine: its file" in said
            assert "not the run it claims to be" not in said
    finally:
        lab.policy()
