"""Equal worlds have equal digests, and nothing that must not matter gets into one."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import KERNELS, load, supported_builds
from feedtwin.kernels.build import build as build_kernels
from feedtwin.kernels.build import find_compiler
from feedtwin.policies.interface import REGISTRIES, policy
from feedtwin.policies.recommendation.tiktok import TikTok
from feedtwin.world.build import build
from feedtwin.world.running import RunOptions, start

WORLDS = {"synthetic": 80, "kuairand-sample": 60}
HOT = {"serve", "encounter", "learn", "recall", "estimate", "count"}

CHILD = """
import json, sys
from feedtwin.kernels.binding import load
from feedtwin.schema.settings import Settings
from feedtwin.world.build import build
world = build(Settings.model_validate(json.loads(sys.argv[1])), load("numpy"))
for _ in range(4):
    world.step()
print(world.digest.hex())
"""


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """Load a build of the package, or one made from the present sources."""
    if not set(KERNELS) >= HOT:
        pytest.skip("the hot kernels are not declared: the NumPy path is all there is")
    made = []

    def find(name, threads):
        try:
            return load(name, threads)
        except SettingsError:
            if find_compiler() is None:
                pytest.skip("no C compiler here: only the NumPy path can run")
        if not made:
            made.append(tmp_path_factory.mktemp("kernels"))
            build_kernels(made[0], quiet=True)
        return load(name, threads, made[0])

    return find


@pytest.mark.parametrize("world", WORLDS)
def test_a_world_gives_the_same_digests_twice(lab, kernels, world):
    settings = lab.tiny(world, WORLDS[world])
    assert lab.chain(settings, kernels) == lab.chain(settings, kernels)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("preset", [None, "paper_literal"])
@pytest.mark.parametrize("name", supported_builds())
def test_every_kernel_build_on_one_and_two_threads_gives_the_digests_of_numpy(
    lab, numpy_kernels, native, monkeypatch, name, world, preset
):
    for kernel, spec in KERNELS.items():  # a tiny world would stay on one thread otherwise
        monkeypatch.setitem(KERNELS, kernel, dataclasses.replace(spec, inline_below=1))
    settings = lab.tiny(world, WORLDS[world], preset=preset)
    expected = lab.chain(settings, numpy_kernels, 4)
    for threads in (1, 2):
        kernels = native(name, threads)
        assert lab.chain(settings, kernels, 4) == expected, threads
        kernels.close()


@pytest.mark.parametrize("change", [{"seed": 8}, {"replicate": 1}, {"users": 81}])
def test_another_seed_replicate_or_size_gives_another_digest(lab, kernels, change):
    ours = lab.chain(lab.tiny(), kernels, 3)
    others = lab.chain(lab.tiny(**change), kernels, 3)
    assert not set(ours) & set(others)


def test_another_replicate_makes_other_things_happen_not_only_another_label(lab, kernels):
    ours = lab.logged(build(lab.tiny("kuairand-sample", 60), kernels), 3)
    others = lab.logged(build(lab.tiny("kuairand-sample", 60, replicate=1), kernels), 3)
    assert [rows for *_, rows in ours] != [rows for *_, rows in others]


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "random", "OMP_NUM_THREADS": "7", "PYTHONOPTIMIZE": "1"},
    ],
    ids=lambda environment: environment["PYTHONHASHSEED"],
)
def test_hash_salt_time_zone_locale_and_folder_do_not_matter(lab, kernels, tmp_path, environment):
    settings = lab.tiny()
    command = [sys.executable, "-c", CHILD, json.dumps(settings.model_dump())]
    found = subprocess.run(
        command, env={**os.environ, **environment}, cwd=tmp_path, check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    assert found.stdout.strip() == lab.chain(settings, kernels, 4)[-1]


@pytest.mark.parametrize("log", ["full", "digest"])
@pytest.mark.parametrize("every", [1, 1000])
def test_log_level_snapshots_and_place_do_not_matter(lab, kernels, tmp_path, log, every):
    path = tmp_path / f"a place called {every} {log}" / "run"
    finished = start(lab.tiny(), path, RunOptions(4, log, every), kernels)
    assert finished.digest == lab.chain(lab.tiny(), kernels, 4)[-1]


def test_the_name_of_a_policy_does_not_matter(lab, kernels, monkeypatch):
    registry = REGISTRIES["recommendation"]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    policy("recommendation", "same-thing", section="recommendation")(
        type("Renamed", (TikTok,), {"__doc__": "The same recommender by another name."})
    )
    renamed = lab.tiny(sets=["policies.recommendation=same-thing"])
    assert lab.chain(renamed, kernels) == lab.chain(lab.tiny(), kernels)


def test_the_policy_itself_does_matter(lab, kernels):
    chains = [
        lab.chain(lab.tiny(sets=[f"policies.recommendation={name}"]), kernels)
        for name in ("tiktok", "oracle", "random", "popularity")
    ]
    assert len({links[-1] for links in chains}) == len(chains)


def test_the_name_of_a_world_file_does_not_matter(lab, kernels, tmp_path):
    file = tmp_path / "another.yaml"
    file.write_text('description: "The same."\npopulation: {kind: synthetic}\n')
    settings = lab.tiny().model_copy(update={"world": "another"})
    assert lab.chain(settings, kernels) == lab.chain(lab.tiny(), kernels)


def test_the_reverse_order_of_handlers_does_not_matter(lab, kernels):
    ours = lab.chain(lab.tiny(), kernels, lab.steps)
    assert lab.chain(lab.tiny(), kernels, lab.steps, reverse_handlers=True) == ours


def test_the_digest_covers_every_column_of_every_table(lab, kernels):
    settings = lab.tiny(
        append={"users": [{}], "videos": [{"creator": 0, "ordinal": 60_000}]}
    )  # their columns matter to nobody, so only the digest itself can notice
    world = build(settings, kernels)
    world.step()
    state = {name: array.copy() for name, array in world.state().items()}
    digest = world.digest
    world.step()
    expected = world.digest
    own = world.platform._tables
    tables = [
        world.users._columns,
        world.content._columns,
        own.accounts,
        own.history,
        own.catalogue,
    ]
    missed = []
    for table in tables:
        for name in table.spec.by_name:
            world.load_state(state, 1, digest)
            with table.writing() as columns:
                getattr(columns, name)[-1:].view(np.uint8)[..., -1] ^= 1
            world.step()
            if world.digest == expected:
                missed.append(name)
    assert missed == ["seen_row"]  # it follows from the outcomes, which are covered


def test_the_digest_covers_the_totals(lab, kernels):
    world = build(lab.tiny(), kernels)
    ours = lab.chain(lab.tiny(), kernels, 1)[0]
    world.platform.telemetry.add("likes", 1)
    world.step()
    assert world.digest.hex() != ours


def test_the_tiny_world_reaches_its_rare_states(lab, kernels):
    world = build(lab.tiny(), kernels)
    rows = lab.logged(world, lab.steps)
    totals = world.platform.telemetry.as_dict()
    wanted = (
        "uploads", "follows", "viral", "likes", "shares", "comments", "completions", "stage_changes",
        "exits_boredom", "exits_energy", "exits_cap",
    )  # fmt: skip
    assert {name: totals[name] for name in wanted if totals[name] == 0} == {}
    met_again = [t for event, _, t in rows if event == "IMPRESSION_SERVED" and len(t)]
    assert max(max(t["meeting"].to_pylist()) for t in met_again) >= 2
