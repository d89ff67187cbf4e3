"""What a finished run's journal vouches for beside events: manifest, tables, registry, the log itself."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from feedtwin.errors import IntegrityError
from feedtwin.kernels.binding import load
from feedtwin.schema.settings import resolve
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, start


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("outputs") / "run"
    settings = resolve("synthetic", users=80, seed=3)
    start(settings, out, RunOptions(steps=3), load("numpy"))
    return out


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_an_untouched_run_replays(run: Path) -> None:
    assert replay(run, load("numpy")).rows_compared > 0


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "tables/users.parquet",
        "tables/items.parquet",
        "tables/hashtags.parquet",
        "tables/sounds.parquet",
        "tables/step_metrics.parquet",
    ],
)
def test_a_changed_output_is_named(run: Path, name: str) -> None:
    data = bytearray((run / name).read_bytes())
    data[len(data) // 2] ^= 1
    (run / name).write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
        replay(run, load("numpy"))


@pytest.mark.parametrize("gone", ["events", "events/index.json"])
def test_a_full_log_that_is_gone_is_missed(run: Path, gone: str) -> None:
    path = run / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(IntegrityError, match="events"):
        replay(run, load("numpy"))


def test_a_registry_that_tells_another_story_is_named(run: Path) -> None:
    with sqlite3.connect(run / "registry.sqlite") as registry:
        registry.execute("UPDATE steps SET digest = 'x' WHERE step = 1")
    registry.close()
    with pytest.raises(IntegrityError, match=r"registry\.sqlite: table steps, step 1"):
        replay(run, load("numpy"))
