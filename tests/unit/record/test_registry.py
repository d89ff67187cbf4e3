import sqlite3
from pathlib import Path

import numpy as np
import pytest

from feedtwin.errors import RunFolderError
from feedtwin.record.registry import TABLES, Registry, to_signed, to_unsigned

BIG = np.array([2**64 - 1, 2**63, (30_000 << 32) | 7], np.uint64)


def commit(registry: Registry, step: int) -> None:
    stages = (BIG[: 1 + step % 3], np.full(1 + step % 3, step, np.uint8))
    registry.commit(
        step,
        f"{step:02x}",
        {"impressions": 10 * step, "watch_ms": 2**40 + step},
        rounds=2,
        batches=3,
        impressions=10 * step,
        stages=stages,
        policies=[("recommendation", "tiktok", {"step": step})],
        audit=[("human", "pause", {"why": "test"})],
    )


def dump(registry: Registry) -> dict[str, object]:
    return {name: registry.table(name) for name in TABLES}


def fill(path: Path, steps: int) -> Registry:
    registry = Registry.create(path, {"seed": "7"})
    for step in range(steps):
        commit(registry, step)
    return registry


def test_rows_after_the_last_committed_step_are_rolled_back(tmp_path: Path) -> None:
    fill(tmp_path / "long", 6).close()
    expected = fill(tmp_path / "short", 4)
    registry = Registry.resume(tmp_path / "long", last_step=3)
    assert registry.last_step == 3
    assert dump(registry) == dump(expected)
    commit(registry, 4)
    commit(expected, 4)
    assert dump(registry) == dump(expected)


def test_a_registry_that_lags_says_so_and_takes_the_missing_steps(tmp_path: Path) -> None:
    fill(tmp_path / "lagging", 2).close()
    registry = Registry.resume(tmp_path / "lagging", last_step=3)
    assert registry.last_step == 1
    for step in range(4):  # steps 0 and 1 are there already
        commit(registry, step)
    assert dump(registry) == dump(fill(tmp_path / "whole", 4))


def test_a_missing_or_unreadable_registry_is_begun_anew(tmp_path: Path) -> None:
    assert Registry.resume(tmp_path / "missing", 3, {"seed": "7"}).last_step == -1
    (tmp_path / "broken").write_bytes(b"no database at all" * 400)
    registry = Registry.resume(tmp_path / "broken", 3, {"seed": "7"})
    assert registry.last_step == -1
    assert registry.query("SELECT value FROM run WHERE key = 'seed'") == [("7",)]


def test_item_ids_keep_all_64_bits(tmp_path: Path) -> None:
    assert to_unsigned(to_signed(BIG)).tolist() == BIG.tolist()
    registry = fill(tmp_path / "registry", 3)
    items = registry.query("SELECT item FROM exposure_stages_now ORDER BY item")
    assert sorted(to_unsigned(np.array(items)[:, 0]).tolist()) == sorted(BIG.tolist())


def test_the_stage_of_an_item_is_the_newest_one(tmp_path: Path) -> None:
    registry = fill(tmp_path / "registry", 5)
    rows = registry.query("SELECT item, stage, since_step FROM exposure_stages_now")
    assert (-1, 4, 4) in rows  # 2**64 - 1 changed at every step
    assert len(rows) == 3


def test_a_step_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    registry = fill(tmp_path / "registry", 2)
    before = dump(registry)
    with pytest.raises(TypeError):
        registry.commit(2, "02", {"impressions": 1}, audit=[("a", "b", {"not json": object()})])
    assert dump(registry) == before
    assert registry.last_step == 1
    commit(registry, 2)
    assert registry.last_step == 2


def test_readers_see_commits_while_the_writer_goes_on_and_cannot_write(tmp_path: Path) -> None:
    writer = fill(tmp_path / "registry", 1)
    reader = Registry.open(tmp_path / "registry")
    commit(writer, 1)
    assert reader.query("SELECT max(step) FROM steps") == [(1,)]
    with pytest.raises(RunFolderError, match="readonly"):
        reader.query("DELETE FROM steps")


def test_a_disk_that_refuses_is_a_run_folder_error_and_the_step_can_be_tried_again(
    tmp_path: Path,
) -> None:
    registry = fill(tmp_path / "registry", 2)
    registry._connection.execute("PRAGMA max_page_count = 1")
    pages = registry.query("PRAGMA page_count")[0][0]
    registry._connection.execute(f"PRAGMA max_page_count = {pages}")
    metrics = {f"metric_{k}": k for k in range(5000)}
    with pytest.raises(RunFolderError, match=r"full.*feedtwin resume"):
        registry.commit(2, "02", metrics)
    assert registry.query("SELECT count(*) FROM steps") == [(2,)]
    registry._connection.execute("PRAGMA max_page_count = 100000")
    registry.commit(2, "02", metrics)
    assert registry.last_step == 2


def test_the_journal_mode_is_wal(tmp_path: Path) -> None:
    fill(tmp_path / "registry", 1).close()
    with sqlite3.connect(tmp_path / "registry") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_missing_registry_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not found"):
        Registry.open(tmp_path / "registry")


def test_the_ledger_of_language_models_is_kept_by_step_and_task(tmp_path):
    registry = Registry.create(tmp_path / "registry.sqlite")
    rows = [("CAPTION_GENERATION", 3, 2, 1, 1, 90, 60), ("TREND_PREDICTION", 1, 0, 0, 0, 10, 10)]
    registry.commit(0, "aa", {}, llm_ledger=rows)
    registry.commit(1, "bb", {}, llm_ledger=rows[:1])
    total = registry.query("SELECT sum(charged_microusd), sum(paid_microusd) FROM llm_ledger")
    assert total == [(190, 130)]
    registry.close()
    registry = Registry.resume(tmp_path / "registry.sqlite", 0)
    assert registry.query("SELECT step, task FROM llm_ledger") == [(0, rows[0][0]), (0, rows[1][0])]
    registry.close()
