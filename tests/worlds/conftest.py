"""Tiny worlds in which everything happens: uploads, virality, repeats, every cause of an exit."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from feedtwin.kernels.binding import Kernels, load
from feedtwin.record.reader import Run
from feedtwin.schema.settings import Settings, resolve
from feedtwin.world import real
from feedtwin.world.build import build
from feedtwin.world.running import Finished, RunOptions, start
from feedtwin.world.world import World

SMALL = (
    "user.impressions_max=14",
    "user.uploads_per_day=[6,3,1,0]",
    "recommendation.slate_size=5",
    "recommendation.category_picks=2",
    "recommendation.interest_quota=12",
    "recommendation.trending_quota=4",
    "recommendation.recent_quota=4",
    "recommendation.followed_quota=4",
    "recommendation.limited_quota=4",
    "platform.seen_size=64",
    "platform.no_repeat=10",
    "promotion.initial_audience=5",
    "promotion.expanded_audience=20",
    "promotion.velocity_gate=5",
    "promotion.completion_gate=0.05",
    "promotion.viral_steps=3",
)
SYNTHETIC_ONLY = ("population.tier_shares=[0.02,0.05,0.13,0.8]",)
STEPS = 12


def tiny(world: str = "synthetic", users: int = 80, **options: Any) -> Settings:
    """Settings of a world that runs a step in some hundredths of a second."""
    sets = [*SMALL, *options.pop("sets", ())]
    if world == "synthetic":
        sets = [*SYNTHETIC_ONLY, *sets]
    last = {
        text.partition("=")[0]: text for text in sets
    }  # a test's own value replaces the small one
    return resolve(world, users=users, seed=options.pop("seed", 7), sets=last.values(), **options)


def chain(settings: Settings, kernels: Kernels, steps: int = 6, **options: Any) -> list[str]:
    """The digest of every step, without a run folder."""
    world = build(settings, kernels, **options)
    links = []
    for _ in range(steps):
        world.step()
        links.append(world.digest.hex())
    return links


def logged(world: World, steps: int) -> list[tuple[str, int, pa.Table]]:
    """What a world publishes in `steps` steps: (event, step, rows) in order."""
    found: list[tuple[str, int, pa.Table]] = []

    def record(published: Any) -> None:
        for flat in published.batch.logged():
            table = pa.table({name: pa.array(column) for name, column in flat.columns.items()})
            found.append((flat.event, flat.step, table))

    world.recorder = record
    for _ in range(steps):
        world.step()
    return found


def tables(path: Path) -> dict[str, pa.Table]:
    """Every event table of a run, and the order of publication."""
    run = Run.open(path)
    return {name: run.events(name) for name in [*run.event_names, "BATCHES"]}


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """The helpers above, for test modules."""
    return SimpleNamespace(
        tiny=tiny, chain=chain, logged=logged, tables=tables, small=SMALL, steps=STEPS
    )


@pytest.fixture(scope="session", autouse=True)
def _sample_read_once() -> Iterator[None]:
    """Reading and fitting the shipped log takes longer than running it; equal settings read the same."""
    known: dict[str, Any] = {}
    original = real.read_world

    def read_once(settings: Settings) -> Any:
        key = json.dumps([settings.data, settings.population, settings.section("kuairand_fit")])
        if key not in known:
            known[key] = original(settings)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real, "read_world", read_once)
        yield


@pytest.fixture(scope="session")
def numpy_kernels() -> Kernels:
    return load("numpy")


@pytest.fixture(scope="session")
def kernels() -> Kernels:
    """What this machine has; `test_digest.py` compares every build with NumPy."""
    return load("auto")


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory, kernels: Kernels) -> Iterator[Finished]:
    """An uninterrupted run of `STEPS` steps with its full log; do not write into its folder."""
    path = tmp_path_factory.mktemp("straight") / "run"
    yield start(tiny(), path, RunOptions(STEPS, "full", snapshot_every=5), kernels)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory, kernels: Kernels) -> dict[int, Path]:
    """The folder of the same run as a crash right after each step would leave it."""
    folder = tmp_path_factory.mktemp("images")
    run = folder / "run"

    def keep(progress: Any) -> None:
        shutil.copytree(run, folder / str(progress.step))

    start(tiny(), run, RunOptions(STEPS, "full", snapshot_every=5), kernels, keep)
    return {step: folder / str(step) for step in range(1, STEPS + 1)}


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """Copy a run folder so that a test may harm it."""

    def copy(path: Path) -> Path:
        return Path(shutil.copytree(path, tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"))

    return copy
