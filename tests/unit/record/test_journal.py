import json
from pathlib import Path

import pytest

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.record import durable
from feedtwin.record.journal import Frame, Journal, commits, read_journal


def write_small(path: Path) -> list[Frame]:
    with Journal.create(path, {"seed": 7, "settings": {"users": 3}}) as journal:
        journal.append_input(0, "caption", {"text": 'a "quoted" line é'})
        journal.commit(
            0, "aa", rounds=3, streams={"E": {"bytes": 8, "rows": 1, "hash": "h"}}, batches=2
        )
        journal.append_segment(1, {"users": 4})
        journal.commit(1, "bb")
    return read_journal(path)


def test_frames_come_back_as_they_were_appended(tmp_path: Path) -> None:
    frames = write_small(tmp_path / "journal")
    assert [frame.kind for frame in frames] == ["header", "input", "commit", "segment", "commit"]
    assert frames[1].payload == {
        "step": 0,
        "name": "caption",
        "payload": {"text": 'a "quoted" line é'},
    }
    assert frames[3].payload == {"from_step": 1, "settings": {"users": 4}}
    assert {step: frame.payload["digest"] for step, frame in commits(frames).items()} == {
        0: "aa",
        1: "bb",
    }


def test_equal_histories_have_equal_bytes_interrupted_or_not(tmp_path: Path) -> None:
    write_small(tmp_path / "whole")
    with Journal.create(tmp_path / "parts", {"settings": {"users": 3}, "seed": 7}) as journal:
        journal.append_input(0, "caption", {"text": 'a "quoted" line é'})
    journal, frames, report = Journal.recover(tmp_path / "parts")
    assert (len(frames), report.dropped_bytes, report.last_step) == (2, 0, None)
    journal.commit(
        0, "aa", rounds=3, streams={"E": {"bytes": 8, "rows": 1, "hash": "h"}}, batches=2
    )
    journal.append_segment(1, {"users": 4})
    journal.commit(1, "bb")
    journal.release()
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_every_single_flipped_byte_is_refused_and_its_record_named(tmp_path: Path) -> None:
    frames = write_small(tmp_path / "journal")
    data = (tmp_path / "journal").read_bytes()
    path = tmp_path / "flipped"
    for place in range(len(data)):
        record = next(frame.sequence for frame in frames if place < frame.end)
        for mask in (0x01, 0x80):
            path.write_bytes(data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :])
            with pytest.raises(IntegrityError, match=rf"flipped: record {record}\b"):
                read_journal(path, strict=True)


def test_recovery_never_cuts_committed_records_for_a_flip_before_the_last_one(
    tmp_path: Path,
) -> None:
    frames = write_small(tmp_path / "journal")
    data = (tmp_path / "journal").read_bytes()
    path = tmp_path / "flipped"
    for place in range(frames[-1].start + 24):  # up to and with the last record's header
        damaged = data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
        path.write_bytes(damaged)
        with pytest.raises(IntegrityError):
            Journal.recover(path)
        assert path.read_bytes() == damaged


def test_recovery_keeps_all_before_a_tail_torn_at_any_byte(tmp_path: Path) -> None:
    frames = write_small(tmp_path / "journal")
    data = (tmp_path / "journal").read_bytes()
    path = tmp_path / "torn"
    for end in range(frames[1].start, len(data)):
        path.write_bytes(data[:end])
        whole = [frame for frame in frames if frame.end <= end]
        clean = whole[-1].end == end
        if not clean:
            with pytest.raises(IntegrityError, match=rf"torn: record {len(whole)}\b"):
                read_journal(path, strict=True)
        journal, found, report = Journal.recover(path)
        journal.release()
        assert found == whole
        assert report.dropped_bytes == end - whole[-1].end
        assert (report.reason == "") is clean
        assert path.read_bytes() == data[: whole[-1].end]


def test_recovery_keeps_all_before_a_tail_that_a_power_cut_left_as_zeros(tmp_path: Path) -> None:
    frames = write_small(tmp_path / "journal")
    data = (tmp_path / "journal").read_bytes()
    path = tmp_path / "zeros"
    last = frames[-1]
    for end in range(last.start, last.end):
        path.write_bytes(data[:end] + bytes(last.end - end))
        journal, found, report = Journal.recover(path)
        journal.release()
        assert found == frames[:-1]
        assert report.dropped_bytes == last.end - last.start


def test_records_that_were_swapped_are_refused(tmp_path: Path) -> None:
    frames = write_small(tmp_path / "journal")
    data = (tmp_path / "journal").read_bytes()
    one, two = frames[1], frames[2]
    swapped = (
        data[: one.start] + data[two.start : two.end] + data[one.start : one.end] + data[two.end :]
    )
    (tmp_path / "journal").write_bytes(swapped)
    with pytest.raises(IntegrityError, match="record 1: it has sequence number 2"):
        read_journal(tmp_path / "journal")


def test_a_record_of_another_run_does_not_fit_the_chain(tmp_path: Path) -> None:
    frames = write_small(tmp_path / "journal")
    data = (tmp_path / "journal").read_bytes()
    with Journal.create(tmp_path / "other", {"seed": 8, "settings": {"users": 3}}):
        pass
    other = (tmp_path / "other").read_bytes()
    (tmp_path / "journal").write_bytes(other + data[frames[0].end :])
    with pytest.raises(IntegrityError, match="record 1 "):
        read_journal(tmp_path / "journal")


def test_a_journal_without_its_header_record_cannot_be_recovered(tmp_path: Path) -> None:
    frames = write_small(tmp_path / "journal")
    data = (tmp_path / "journal").read_bytes()
    for end in (0, 1, 24, frames[0].end - 1):
        (tmp_path / "journal").write_bytes(data[:end])
        with pytest.raises(IntegrityError, match="record 0"):
            Journal.recover(tmp_path / "journal")


def test_a_journal_is_not_begun_over_another(tmp_path: Path) -> None:
    write_small(tmp_path / "journal")
    with pytest.raises(RunFolderError, match="feedtwin resume"):
        Journal.create(tmp_path / "journal", {})


def test_a_full_disk_is_said_and_leaves_a_whole_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.create(tmp_path / "journal", {"seed": 7})
    journal.commit(0, "aa")
    write = durable.os.write
    calls = []

    def full(fd: int, data: memoryview) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(fd, data[:10])

    with monkeypatch.context() as patch:
        patch.setattr(durable.os, "write", full)
        with pytest.raises(RunFolderError, match=r"No space left.*free some disk space.*resume"):
            journal.commit(1, "bb")
    journal.commit(1, "bb")
    journal.close("cc", index="dd")
    frames = read_journal(tmp_path / "journal")
    assert [frame.kind for frame in frames] == ["header", "commit", "commit", "closed"]
    assert frames[-1].payload == {"digest": "cc", "index": "dd", "outputs": {}}


def test_a_commit_is_synced_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.create(tmp_path / "journal", {})
    synced: list[int] = []
    fsync = durable.os.fsync

    def note(fd: int) -> None:
        fsync(fd)
        synced.append((tmp_path / "journal").stat().st_size)

    monkeypatch.setattr(durable.os, "fsync", note)
    journal.append_input(0, "x", {})
    assert synced == []
    journal.commit(0, "aa")
    journal.release()
    assert synced == [(tmp_path / "journal").stat().st_size]


def test_a_missing_journal_is_a_run_folder_error(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot read the journal"):
        read_journal(tmp_path / "journal")


def test_canonical_json_has_one_form_and_refuses_what_has_none() -> None:
    assert durable.canonical_json({"b": 1, "a": "é"}) == b'{"a":"\\u00e9","b":1}'
    assert json.loads(durable.canonical_json({"x": 0.1})) == {"x": 0.1}
    with pytest.raises(ValueError, match="Out of range"):
        durable.canonical_json(float("nan"))
