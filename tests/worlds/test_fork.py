"""A fork has its parent's past to the bit, and its own future only where it says so."""

import pytest

from feedtwin.errors import DeterminismError, RunFolderError, SettingsError
from feedtwin.record.reader import Run
from feedtwin.world.comparing import compare
from feedtwin.world.forking import fork
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, resume, start

STEPS = 12
CHANGE = "recommendation.weight_similarity=-1"


@pytest.mark.parametrize("at", range(STEPS))
def test_a_fork_without_a_change_has_the_future_of_its_parent(kernels, straight, tmp_path, at):
    forked = fork(straight.path, at, tmp_path / "fork", [], None, "digest", kernels)
    assert forked.digest == straight.digest
    parent = Run.open(straight.path).commits
    assert Run.open(forked.path).commits == {k: d for k, d in parent.items() if k >= at}


def test_a_fork_can_take_a_run_further_than_its_parent(lab, kernels, straight, tmp_path):
    forked = fork(straight.path, STEPS, tmp_path / "fork", [], 14, "full", kernels)
    longer = start(lab.tiny(), tmp_path / "run", RunOptions(14, "digest"), kernels)
    assert forked.digest == longer.digest
    assert replay(forked.path, kernels).digest == longer.digest


@pytest.mark.parametrize("log", ["full", "digest"])
@pytest.mark.parametrize(
    "change",
    [
        CHANGE,
        "policies.recommendation=random",
        "policies.promotion=none",
        "user.push_form=literal",
        "content.keyword_weight=0.9",
    ],
)
def test_a_fork_with_a_change_differs_from_there_on_and_replays(
    kernels, straight, tmp_path, change, log
):
    forked = fork(straight.path, 6, tmp_path / "fork", [change], None, log, kernels)
    assert forked.digest != straight.digest
    parent, child = Run.open(straight.path).commits, Run.open(forked.path).commits
    assert min(child) == 6
    assert child[11] != parent[11]
    report = replay(forked.path, kernels)
    assert (report.digest, report.steps) == (forked.digest, 6)
    assert bool(report.tables_compared) == (log == "full")


def test_the_difference_of_a_fork_is_found_and_explained(kernels, straight, tmp_path):
    forked = fork(straight.path, 6, tmp_path / "fork", [CHANGE], None, "digest", kernels)
    found = compare(straight.path, forked.path, kernels)
    assert not found.equal
    assert found.divergence is not None
    assert (found.divergence.step, found.divergence.phase) == (6, "serve")
    assert found.settings == (("recommendation.weight_similarity", 1.0, -1.0),)
    assert any("recommendation.weight_similarity" in line for line in found.divergence.cause)


def test_a_run_and_its_unchanged_fork_have_no_difference(kernels, straight, tmp_path):
    forked = fork(straight.path, 6, tmp_path / "fork", [], None, "digest", kernels)
    found = compare(straight.path, forked.path, kernels)
    assert found.equal
    assert found.divergence is None
    assert found.settings == ()


def test_a_fork_of_a_fork_keeps_both_changes_in_their_order(kernels, straight, tmp_path):
    first = fork(straight.path, 3, tmp_path / "a", [CHANGE], None, "digest", kernels)
    second = fork(
        first.path, 8, tmp_path / "b", ["policies.recommendation=random"], None, "full",
        kernels,
    )  # fmt: skip
    assert replay(second.path, kernels).digest == second.digest
    back = fork(
        second.path, 8, tmp_path / "c", ["policies.recommendation=tiktok"], None, "digest",
        kernels,
    )  # fmt: skip
    assert back.digest == first.digest


def test_a_fork_that_was_interrupted_is_resumed_with_its_own_settings(kernels, straight, tmp_path):
    whole = fork(straight.path, 4, tmp_path / "a", [CHANGE], None, "full", kernels)

    def stop(progress):
        if progress.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fork(straight.path, 4, tmp_path / "b", [CHANGE], None, "full", kernels, stop)
    assert resume(tmp_path / "b", kernels).digest == whole.digest


def test_a_fork_leaves_its_parent_as_it_was(kernels, straight, tmp_path):
    before = {p: p.read_bytes() for p in straight.path.rglob("*") if p.is_file()}
    fork(straight.path, 5, tmp_path / "fork", [CHANGE], None, "digest", kernels)
    assert {p: p.read_bytes() for p in straight.path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    "change",
    [
        "population.videos_per_user=3",
        "population.tier_shares=[0.5,0.3,0.1,0.1]",
        "archetypes.hook_sd=0.3",
        "platform.seen_size=128",
        "content.category_code=fold",
        "interaction.match_source=embedding_slice",
        "seed=8",
        "users=90",
        "preset=paper_literal",
        "data.path=elsewhere",
    ],
)
def test_a_fork_refuses_what_only_a_new_world_can_express(kernels, straight, tmp_path, change):
    with pytest.raises(SettingsError):
        fork(straight.path, 5, tmp_path / "fork", [change], None, "digest", kernels)
    assert not (tmp_path / "fork").exists()


@pytest.mark.parametrize("at", [-1, 13, 12])
def test_a_fork_refuses_a_step_that_its_parent_does_not_have(kernels, straight, tmp_path, at):
    with pytest.raises(SettingsError, match=r"fork --(at|steps)"):
        fork(straight.path, at, tmp_path / "fork", [], None, "digest", kernels)
    assert not (tmp_path / "fork").exists()


def test_a_fork_refuses_a_folder_that_exists(kernels, straight, tmp_path):
    (tmp_path / "fork").mkdir()
    with pytest.raises(RunFolderError, match="already"):
        fork(straight.path, 5, tmp_path / "fork", [], None, "digest", kernels)
    assert list((tmp_path / "fork").iterdir()) == []


def test_a_fork_by_other_code_is_refused(kernels, straight, tmp_path, monkeypatch):
    from feedtwin.world.world import World

    step = World.step

    def other_code(world):
        world.platform.telemetry.add("likes", 1)
        step(world)

    monkeypatch.setattr(World, "step", other_code)
    with pytest.raises(DeterminismError):
        fork(straight.path, 3, tmp_path / "fork", [], None, "digest", kernels)
