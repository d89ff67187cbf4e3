from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from feedtwin.errors import IntegrityError, RunFolderError, SchemaError
from feedtwin.record import closed, durable
from feedtwin.record import log as log_module
from feedtwin.record.log import EventLog, NullLog, newest_intact, verify
from feedtwin.record.reader import Run
from feedtwin.record.streams import Marks, open_prefix


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def uninterrupted(sample: SimpleNamespace, folder: Path, steps: int) -> dict[int, Marks]:
    log = EventLog.create(folder, sample.schemas)
    marks = {step: sample.write_step(log, step) for step in range(steps)}
    log.release()
    return marks


def test_an_interrupted_and_resumed_log_has_the_bytes_of_an_uninterrupted_one(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    marks = uninterrupted(sample, tmp_path / "whole", 5)
    for last in range(-1, 5):
        folder = tmp_path / f"cut_after_{last}"
        log = EventLog.create(folder, sample.schemas)
        for step in range(last + 1):
            sample.write_step(log, step)
        log.append(77, 77, "serve", 0, "IMPRESSION_SERVED", sample.served(77, 50))
        log.append(78, 77, "serve", 0, "NOTED", sample.noted(77))
        log.marks()
        log.release()
        log = EventLog.resume(folder, sample.schemas, marks.get(last, {}))
        assert log.batches == 3 * (last + 1)
        for step in range(last + 1, 5):
            assert sample.write_step(log, step) == marks[step]
        log.release()
        assert contents(folder) == contents(tmp_path / "whole")


def test_a_resumed_stream_reads_back_equal(sample: SimpleNamespace, tmp_path: Path) -> None:
    log = EventLog.create(tmp_path / "events", sample.schemas)
    marks = sample.write_step(log, 3)
    log.release()
    log = EventLog.resume(tmp_path / "events", sample.schemas, marks)
    marks = sample.write_step(log, 4)
    log.release()
    mark = marks["IMPRESSION_SERVED"]
    found = open_prefix(tmp_path / "events/IMPRESSION_SERVED.arrows", mark["bytes"]).read_all()
    assert found.equals(pa.Table.from_batches([sample.served(3, 8), sample.served(4, 9)]))
    assert mark["rows"] == 17


def test_a_large_batch_and_many_small_ones_read_back_equal(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    log = EventLog.create(tmp_path / "events", sample.schemas)
    batches = [sample.served(1, 300_000), *(sample.served(step, 3) for step in range(200))]
    for seq, batch in enumerate(batches):
        log.append(seq, 1, "serve", 0, "IMPRESSION_SERVED", batch)
    marks = log.marks()
    log.release()
    reader = open_prefix(
        tmp_path / "events/IMPRESSION_SERVED.arrows", marks["IMPRESSION_SERVED"]["bytes"]
    )
    assert reader.read_all().equals(pa.Table.from_batches(batches))


def test_a_caller_may_reuse_its_arrays_after_append(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    log = EventLog.create(tmp_path / "events", sample.schemas)
    users = np.arange(4, dtype=np.uint32)
    columns = [
        pa.array(users),
        pa.array(users),
        pa.array(users.astype("u8")),
        pa.array(users.astype("f4")),
    ]
    log.append(
        0,
        0,
        "serve",
        0,
        "IMPRESSION_SERVED",
        pa.record_batch(columns, schema=sample.schemas["IMPRESSION_SERVED"]),
    )
    users[:] = 99
    end = log.marks()["IMPRESSION_SERVED"]["bytes"]
    log.release()
    table = open_prefix(tmp_path / "events/IMPRESSION_SERVED.arrows", end).read_all()
    assert table["user"].to_pylist() == [0, 1, 2, 3]


def test_a_flipped_byte_anywhere_in_an_open_log_is_refused_with_file_and_step(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    folder = tmp_path / "events"
    marks = uninterrupted(sample, folder, 3)
    verify(folder, marks)
    for name in ("IMPRESSION_SERVED", "BATCHES"):
        path = folder / f"{name}.arrows"
        data = path.read_bytes()
        for place in range(0, len(data), 4):
            path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
            step = next(step for step in marks if place < marks[step][name]["bytes"])
            with pytest.raises(IntegrityError, match=rf"{name}\.arrows: record of step {step}\b"):
                verify(folder, marks)
        path.write_bytes(data)
    verify(folder, marks)


def test_a_flipped_byte_anywhere_in_a_closed_log_is_refused_with_file_and_record(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    folder = tmp_path / "events"
    log = EventLog.create(folder, sample.schemas)
    sample.write_step(log, 0)
    index = log.close()
    verify(folder, {}, index)
    assert sorted(file.name for file in folder.iterdir()) == [
        "BATCHES.parquet",
        "IMPRESSION_SERVED.parquet",
        "NOTED.parquet",
        "index.json",
    ]
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        for place in range(0, len(data), 5):
            path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
            with pytest.raises(IntegrityError, match=rf"{path.name}: record "):
                verify(folder, {}, index)
        path.write_bytes(data + b"\0")
        with pytest.raises(IntegrityError, match=rf"{path.name}: record "):
            verify(folder, {}, index)
        path.write_bytes(data)
    verify(folder, {}, index)


def test_each_row_group_is_vouched_for_by_name(
    sample: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed, "_ROW_GROUP_ROWS", 100)
    log = EventLog.create(tmp_path / "events", sample.schemas)
    for step in range(3):
        log.append(step, step, "serve", 0, "IMPRESSION_SERVED", sample.served(step, 100))
        log.marks()
    index = log.close()
    path = tmp_path / "events/IMPRESSION_SERVED.parquet"
    parts = closed.read_index(tmp_path / "events")["files"]["IMPRESSION_SERVED"]["parts"]
    assert [part["record"] for part in parts] == [
        "head", "row group 0", "row group 1", "row group 2", "footer",
    ]  # fmt: skip
    data = path.read_bytes()
    for part in parts:
        place = part["end"] - 1
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(IntegrityError, match=rf"SERVED\.parquet: record '{part['record']}'"):
            verify(tmp_path / "events", {}, index)


def test_another_closed_log_in_its_place_is_refused(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    hashes = []
    for rows in (1, 2):
        log = EventLog.create(tmp_path / str(rows), sample.schemas)
        log.append(0, 0, "serve", 0, "IMPRESSION_SERVED", sample.served(0, rows))
        hashes.append(log.close())
    with pytest.raises(IntegrityError, match="the journal has another hash"):
        verify(tmp_path / "1", {}, hashes[1])


@pytest.mark.parametrize("stop_at", [0, 1, 2, 3])
def test_a_crash_while_closing_leaves_a_log_that_resumes(
    sample: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    folder = tmp_path / "events"
    log = EventLog.create(folder, sample.schemas)
    marks = sample.write_step(log, 0)
    open_files = contents(folder)
    calls = []
    rename = Path.replace

    def die(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) > stop_at:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(RunFolderError, match="free some disk space"):
            log.close()
    log = EventLog.resume(folder, sample.schemas, marks)
    assert contents(folder) == open_files
    verify(folder, {}, log.close())


def test_a_crash_after_the_index_was_written_leaves_a_closed_log(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    folder = tmp_path / "events"
    log = EventLog.create(folder, sample.schemas)
    marks = sample.write_step(log, 0)
    leftover = (folder / "NOTED.arrows").read_bytes()
    index = log.close()
    (folder / "NOTED.arrows").write_bytes(leftover)
    log = EventLog.resume(folder, sample.schemas, marks)
    assert log.batches == 3
    assert newest_intact(folder, {0: marks}) == 0
    with pytest.raises(RunFolderError, match="closed"):
        log.append(3, 1, "serve", 0, "NOTED", sample.noted(1))
    assert log.close() == index
    assert not (folder / "NOTED.arrows").exists()


def test_resume_refuses_a_stream_that_is_shorter_or_changed(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    folder = tmp_path / "events"
    marks = uninterrupted(sample, folder, 2)
    path = folder / "NOTED.arrows"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(IntegrityError, match=r"NOTED\.arrows.*ends at byte"):
        EventLog.resume(folder, sample.schemas, marks[1])
    assert newest_intact(folder, marks) == 0
    path.write_bytes(data[:-9] + b"x" + data[-8:])
    with pytest.raises(IntegrityError, match=r"NOTED\.arrows"):
        EventLog.resume(folder, sample.schemas, marks[1])


def test_a_batch_with_other_columns_or_no_schema_is_refused(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    log = EventLog.create(tmp_path / "events", sample.schemas)
    with pytest.raises(
        SchemaError, match=r"has columns step uint32, text string; expected step uint32, user"
    ):
        log.append(0, 0, "serve", 0, "IMPRESSION_SERVED", sample.noted(0))
    with pytest.raises(SchemaError, match="UNKNOWN has no schema"):
        log.append(0, 0, "serve", 0, "UNKNOWN", sample.noted(0))
    log.release()


def test_a_full_disk_stops_the_next_mark_and_the_log_resumes_from_the_last(
    sample: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "events"
    log = EventLog.create(folder, sample.schemas)
    marks = sample.write_step(log, 0)
    before = contents(folder)
    write = durable.os.write

    def half(fd: int, data: memoryview) -> int:
        if len(data) > 100:
            return write(fd, data[:100])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(durable.os, "write", half)
        with pytest.raises(RunFolderError, match=r"\.arrows: cannot write: No space left.*resume"):
            sample.write_step(log, 1)
        with pytest.raises(RunFolderError, match="No space left"):
            log.append(9, 2, "serve", 0, "NOTED", sample.noted(2))
        log.release()
    log = EventLog.resume(folder, sample.schemas, marks)
    assert contents(folder) == before
    log.release()


def test_a_log_is_not_begun_over_another(sample: SimpleNamespace, tmp_path: Path) -> None:
    uninterrupted(sample, tmp_path / "events", 1)
    with pytest.raises(RunFolderError, match="expected an empty folder"):
        EventLog.create(tmp_path / "events", sample.schemas)


def test_the_null_log_counts_and_keeps_nothing(sample: SimpleNamespace, tmp_path: Path) -> None:
    log = NullLog(batches=2)
    log.append(0, 0, "serve", 0, "NOTED", sample.noted(0))
    assert (log.batches, log.marks(), log.close()) == (3, {}, "")


def test_both_logs_have_the_interface_that_the_world_uses(
    sample: SimpleNamespace, tmp_path: Path
) -> None:
    logs: list[log_module.Log] = [NullLog(), EventLog.create(tmp_path / "events", sample.schemas)]
    for log in logs:
        log.append(0, 0, "serve", 0, "NOTED", sample.noted(0))
        assert log.batches == 1
        log.release()


def test_a_closed_run_reads_like_the_open_one(run_factory: Callable[..., Path]) -> None:
    assert (
        Run.open(run_factory("a"))
        .events("NOTED")
        .equals(Run.open(run_factory("b", close=True)).events("NOTED"))
    )
