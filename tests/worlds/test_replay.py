"""A replay succeeds on what was run, and on nothing else: each altered byte and row is named."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feedtwin.errors import DeterminismError, IntegrityError, RunFolderError
from feedtwin.record import closed
from feedtwin.record.durable import canonical_json
from feedtwin.record.journal import Journal, read_journal
from feedtwin.record.reader import Run
from feedtwin.world import folding
from feedtwin.world import replay as replaying
from feedtwin.world.forking import fork
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, start


@pytest.mark.parametrize("world", ["synthetic", "kuairand-sample"])
@pytest.mark.parametrize("log", ["full", "digest"])
def test_a_replay_gives_the_digest_of_the_run(lab, kernels, tmp_path, world, log):
    finished = start(lab.tiny(world, 60), tmp_path / "run", RunOptions(4, log), kernels)
    report = replay(finished.path, kernels)
    assert (report.digest, report.steps, report.messages) == (finished.digest, 4, ())
    assert (report.rows_compared > 0) == (log == "full")


def test_a_replay_compares_every_row_and_folds_every_table(kernels, straight):
    report = replay(straight.path, kernels)
    run = Run.open(straight.path)
    assert report.rows_compared == sum(run.events(name).num_rows for name in run.event_names)
    tables = {name.partition(".")[0] for name in report.tables_compared}
    assert tables == {"user", "content", "platform"}
    assert {"user.taste", "content.likes", "platform.estimate", "platform.stage"} <= set(
        report.tables_compared
    )


def test_the_literal_preset_replays_too(lab, kernels, tmp_path):
    settings = lab.tiny(users=40, preset="paper_literal")
    finished = start(settings, tmp_path / "run", RunOptions(3), kernels)
    assert replay(finished.path, kernels).digest == finished.digest


def test_an_unfinished_run_is_replayed_up_to_its_last_commit_and_says_so(kernels, images):
    report = replay(images[4], kernels)
    assert report.steps == 4
    assert any("not finished" in message for message in report.messages)


def test_a_replay_writes_nothing(kernels, straight):
    before = {p: p.read_bytes() for p in straight.path.rglob("*") if p.is_file()}
    replay(straight.path, kernels)
    assert {p: p.read_bytes() for p in straight.path.rglob("*") if p.is_file()} == before


# -- flipped bytes ---------------------------------------------------------------------------------


def _verify_with_flips(path: Path, file: Path, offsets: list[int]) -> list[int]:
    """Offsets at which a flipped bit goes unnoticed, or is blamed on another file or no record."""
    data = file.read_bytes()
    missed = []
    for offset in offsets:
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 8)
        file.write_bytes(changed)
        try:
            Run.open(path).verify()
        except IntegrityError as error:
            named = file.name in str(error) and "record" in str(error)
            if not named:
                missed.append(offset)
        else:
            missed.append(offset)
    file.write_bytes(data)
    return missed


def _spread(size: int, count: int) -> list[int]:
    return sorted({*range(min(4, size)), *range(0, size, max(size // count, 1)), size - 1})


def test_a_flipped_bit_anywhere_in_the_journal_is_found_and_its_record_named(images, copied):
    path = copied(images[3])
    size = (path / "journal").stat().st_size
    assert _verify_with_flips(path, path / "journal", list(range(0, size, 7))) == []


def test_a_flipped_bit_in_the_journal_of_a_finished_run_is_found(straight, copied):
    path = copied(straight.path)
    size = (path / "journal").stat().st_size
    assert _verify_with_flips(path, path / "journal", _spread(size, 300)) == []


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_flipped_bit_in_any_event_file_is_found_and_its_record_named(
    straight, images, copied, state
):
    path = copied(images[3] if state == "open" else straight.path)
    files = sorted(file for file in (path / "events").iterdir() if file.stat().st_size)
    assert len(files) >= 24
    for file in files:
        assert _verify_with_flips(path, file, _spread(file.stat().st_size, 12)) == [], file


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("state", ["open", "closed"])
def test_every_byte_of_journal_and_event_files_is_vouched_for(straight, images, copied, state):
    path = copied(images[2] if state == "open" else straight.path)
    for file in [path / "journal", *sorted((path / "events").iterdir())]:
        size = file.stat().st_size
        assert _verify_with_flips(path, file, list(range(size))) == [], file


@pytest.mark.parametrize("name", ["journal", "events/VIDEO_WATCHED.parquet", "events/index.json"])
def test_a_replay_of_a_run_with_a_flipped_bit_names_file_and_record(
    kernels, straight, copied, name
):
    path = copied(straight.path)
    data = bytearray((path / name).read_bytes())
    data[len(data) // 2] ^= 4
    (path / name).write_bytes(data)
    with pytest.raises(IntegrityError, match=rf"{Path(name).name}.*record"):
        replay(path, kernels)


def test_a_replay_of_an_open_run_with_a_flipped_bit_names_file_and_record(kernels, images, copied):
    path = copied(images[3])
    file = path / "events" / "IMPRESSION_SERVED.arrows"
    data = bytearray(file.read_bytes())
    data[-20] ^= 4
    file.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"IMPRESSION_SERVED\.arrows.*record of step"):
        replay(path, kernels)


@pytest.mark.parametrize("kind", ["journal", "events"])
@pytest.mark.parametrize("change", ["longer", "shorter", "gone"])
def test_a_file_that_grew_shrank_or_went_is_found(kernels, straight, copied, kind, change):
    path = copied(straight.path)
    file = path / ("journal" if kind == "journal" else "events/VIDEO_WATCHED.parquet")
    data = file.read_bytes()
    if change == "gone":
        file.unlink()
    else:
        file.write_bytes(data + b"\0" if change == "longer" else data[:-1])
    with pytest.raises((IntegrityError, RunFolderError), match=file.name):
        replay(path, kernels)


# -- consistent forgeries --------------------------------------------------------------------------


def _alter(path: Path, name: str, column: str, row: int, value: int) -> None:
    """Change one value of a closed event table and make its index fit."""
    file = path / "events" / f"{name}.parquet"
    table = pq.read_table(file)
    values = table[column].to_numpy().copy()
    values[row] = value
    place = table.schema.get_field_index(column)
    altered = table.set_column(place, table.schema.field(column), pa.array(values))
    closed.write_table(file, altered)
    index = closed.read_index(path / "events")
    index["files"][name] = closed.describe(file)
    (path / "events" / closed.INDEX).write_bytes(closed._render(index["files"]))


def _forge_journal(path: Path, change=lambda kind, payload: payload) -> None:
    """Write the journal anew with a sound chain, so that it vouches for what lies there now."""
    frames = read_journal(path / "journal")
    (path / "journal").unlink()
    index = closed.read_index(path / "events")["hash"]
    header = change("header", frames[0].payload)
    journal = Journal.create(path / "journal", header)
    for frame in frames[1:]:
        payload = change(frame.kind, json.loads(canonical_json(frame.payload)))
        if frame.kind == "commit":
            journal.commit(
                payload["step"], payload["digest"], streams=payload["streams"],
                batches=payload["batches"],
            )  # fmt: skip
        else:
            journal.close(payload["digest"], index=index)


def test_a_row_that_was_altered_together_with_its_index_does_not_fit_the_journal(
    kernels, straight, copied
):
    path = copied(straight.path)
    _alter(path, "VIDEO_WATCHED", "watch_ms", 5, 123_456)
    with pytest.raises(IntegrityError, match=r"index\.json.*journal"):
        replay(path, kernels)


@pytest.mark.parametrize(
    ("event", "column"),
    [
        ("VIDEO_WATCHED", "watch_ms"),
        ("IMPRESSION_SERVED", "policy"),
        ("VIDEO_ENGAGED", "text"),
        ("CONTENT_STATE_UPDATED", "likes"),
        ("SESSION_ENDED", "cause"),
    ],
)
def test_a_row_that_was_altered_together_with_index_and_journal_differs_from_the_execution(
    kernels, straight, copied, event, column
):
    path = copied(straight.path)
    _alter(path, event, column, 5, 77)
    _forge_journal(path)
    Run.open(path).verify()  # the forgery itself is sound
    with pytest.raises(DeterminismError, match=rf"{event}, step \d+, row \d+.*column {column}"):
        replay(path, kernels)


@pytest.mark.parametrize("kind", ["commit", "closed"])
def test_a_forged_digest_in_the_journal_differs_from_the_execution(kernels, straight, copied, kind):
    path = copied(straight.path)

    def change(found, payload):
        if found == kind:
            payload = {**payload, "digest": "0" * 64}
        return payload

    _forge_journal(path, change)
    with pytest.raises(DeterminismError, match="journal"):
        replay(path, kernels)


def test_a_forged_setting_in_the_journal_differs_from_the_execution(kernels, straight, copied):
    path = copied(straight.path)

    def change(kind, payload):
        if kind == "header":
            payload = json.loads(canonical_json(payload))
            settings = payload["segments"][0]["settings"]
            settings["parameters"]["recommendation.temperature"] = 0.5
        return payload

    _forge_journal(path, change)
    with pytest.raises(DeterminismError, match="IMPRESSION_SERVED, step 0"):
        replay(path, kernels)


# -- folding ---------------------------------------------------------------------------------------

FOLDED = (
    "SESSION_STARTED", "SESSION_ENDED", "FEED_REQUESTED", "IMPRESSION_SERVED", "VIDEO_WATCHED",
    "VIDEO_SKIPPED", "VIDEO_ENGAGED", "SOCIAL_GRAPH_UPDATED", "VIDEO_CREATED",
    "CONTENT_STATE_UPDATED", "EXPOSURE_STAGE_CHANGED",
)  # fmt: skip


@pytest.mark.parametrize("event", FOLDED)
def test_the_tables_are_the_sum_of_the_events_and_miss_each_one_left_out(
    kernels, images, monkeypatch, event
):
    """The second half of an event's batches is lost before it is folded."""

    def forgetful(world, flat):
        kept = []
        for batch in flat:
            if batch.event == event and batch.rows:
                rows = {name: values[: batch.rows // 2] for name, values in batch.columns.items()}
                batch = type(batch)(batch.event, batch.step, rows)
            kept.append(batch)
        folding.fold(world, kept)

    monkeypatch.setattr(replaying, "fold", forgetful)
    with pytest.raises((DeterminismError, IndexError)):
        replay(images[6], kernels)


def test_folding_draws_nothing(kernels, straight, monkeypatch):
    """Folded worlds are told what happened; only the executed world draws."""
    from feedtwin.randomness import Draws

    inside = []
    bits = Draws.bits

    def watched(self, stream, *counter):
        if inside:
            allowed = stream.name in {"VIDEO_NOISE"}  # part of the vector that ids determine
            assert allowed, stream
        return bits(self, stream, *counter)

    def folded(world, flat):
        inside.append(True)
        folding.fold(world, flat)
        inside.pop()

    monkeypatch.setattr(Draws, "bits", watched)
    monkeypatch.setattr(replaying, "fold", folded)
    assert replay(straight.path, kernels).digest == straight.digest


def test_a_fork_is_folded_from_the_state_it_began_with(kernels, straight, tmp_path):
    change = ["recommendation.temperature=0"]
    forked = fork(straight.path, 7, tmp_path / "fork", change, None, "full", kernels)
    report = replay(forked.path, kernels)
    assert np.isin(["user.interests", "platform.totals"], report.tables_compared).all()
