from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from feedtwin.errors import FeedtwinError, IntegrityError, RunFolderError
from feedtwin.record.closed import write_table
from feedtwin.record.folder import RunFolder
from feedtwin.record.journal import Journal
from feedtwin.record.reader import Run


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


both = pytest.mark.parametrize("close", [False, True], ids=["killed", "closed"])


@both
def test_only_committed_events_show(
    run_factory: Callable[..., Path], sample: SimpleNamespace, close: bool
) -> None:
    run = Run.open(run_factory(steps=3, close=close))
    expected = pa.Table.from_batches([sample.served(step, 5 + step) for step in range(3)])
    assert run.events("impression_served").equals(expected)
    assert run.events("NOTED")["text"].to_pylist() == ["é0", "é1", "é2"]
    assert run.event_names == ["IMPRESSION_SERVED", "NOTED"]
    assert run.commits == {0: "00", 1: "01", 2: "02"}
    assert run.last_step == 2
    assert run.manifest == {"seed": 7}
    assert (run.closing or {}).get("digest") == ("ff" if close else None)


@both
@pytest.mark.parametrize("from_step", [0, 2])
def test_batches_come_back_in_publication_order_as_they_were_appended(
    run_factory: Callable[..., Path], sample: SimpleNamespace, close: bool, from_step: int
) -> None:
    run = Run.open(run_factory(steps=4, close=close))
    expected = []
    for step in range(from_step, 4):
        expected.append(
            (3 * step, step, "serve", 0, "IMPRESSION_SERVED", sample.served(step, 5 + step))
        )
        expected.append((3 * step + 1, step, "react", 1, "NOTED", sample.noted(step)))
        expected.append(
            (3 * step + 2, step, "react", 2, "IMPRESSION_SERVED", sample.served(step, 0))
        )
    found = list(run.batches(from_step))
    assert [row[:5] for row in found] == [row[:5] for row in expected]
    assert all(a[5].equals(b[5]) for a, b in zip(found, expected, strict=True))


@both
def test_sql_answers_over_events_in_either_case_and_over_tables(
    run_factory: Callable[..., Path], close: bool
) -> None:
    path = run_factory(close=close)
    users = pa.table({"user": pa.array([0, 7], pa.uint32()), "tier": ["a", "b"]})
    write_table(path / "tables/users.parquet", users)
    run = Run.open(path)
    query = "SELECT count(*) AS n, max(item) AS i FROM {} JOIN users USING (user)"
    for name in ("impression_served", "IMPRESSION_SERVED"):
        assert run.sql(query.format(name)).to_pylist() == [{"n": 2, "i": 1 << 32}]
    assert run.sql("SELECT sum(rows) AS n FROM batches").to_pylist() == [{"n": 30}]
    assert run.sql("SELECT max(value) AS v FROM step_metrics").to_pylist() == [{"v": 8}]
    assert run.sql("SELECT digest FROM commits WHERE step = 3").to_pylist() == [{"digest": "03"}]
    shown = run.sql("SHOW TABLES")["name"].to_pylist()
    assert {"impression_served", "noted", "batches", "users", "steps", "commits"} <= set(shown)


def test_a_wrong_query_lists_the_tables(run_factory: Callable[..., Path]) -> None:
    run = Run.open(run_factory())
    with pytest.raises(
        FeedtwinError, match=r"(?s)nonsense.*Tables: audit, batches, commits.*noted"
    ):
        run.sql("SELECT * FROM nonsense")
    with pytest.raises(FeedtwinError, match="Tables: "):
        run.sql("")
    for variable in ("connection", "statements", "__builtins__"):
        with pytest.raises(FeedtwinError, match="does not exist"):
            run.sql(f"SELECT * FROM {variable}")


@both
def test_sql_reaches_nothing_outside_the_run_and_writes_nothing(
    run_factory: Callable[..., Path], tmp_path: Path, close: bool
) -> None:
    path = run_factory(close=close)
    (tmp_path / "secret.csv").write_text("a\n1\n")
    run = Run.open(path)
    before = names(path)
    for query in (
        f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"COPY (SELECT 1) TO '{path}/out.csv'",
        f"COPY (SELECT 1) TO '{path}/journal'",
        f"COPY (SELECT 1) TO '{path}/events/NOTED.parquet' (USE_TMP_FILE false)",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    ):
        with pytest.raises(FeedtwinError):
            run.sql(query)
    assert names(path) == before
    Run.open(path).verify()


@both
def test_verify_names_the_file_and_record_of_a_flipped_byte(
    run_factory: Callable[..., Path], close: bool
) -> None:
    path = run_factory(close=close)
    Run.open(path).verify()
    event = path / "events" / ("IMPRESSION_SERVED.parquet" if close else "IMPRESSION_SERVED.arrows")
    for file, pattern in ((event, "SERVED.*: record"), (path / "journal", "journal: record")):
        data = file.read_bytes()
        place = 900  # committed in each
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(IntegrityError, match=pattern):
            Run.open(path).verify()
        file.write_bytes(data)
    Run.open(path).verify()


def test_a_run_whose_first_step_is_not_committed_reads_as_empty(
    run_factory: Callable[..., Path],
) -> None:
    run = Run.open(run_factory(steps=0))
    assert run.last_step == -1
    assert run.commits == {}
    assert run.events("NOTED").num_rows == 0
    assert list(run.batches()) == []
    assert run.step_metrics().num_rows == 0
    assert run.sql("SELECT * FROM noted").num_rows == 0


def test_a_run_without_an_event_log_says_how_to_get_one(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", {}, {}) as folder:
        journal, _, _ = Journal.recover(folder.journal_path)
        journal.append_input(0, "caption", {"text": "x"})
        journal.commit(0, "aa")
        journal.close("bb")
    run = Run.open(tmp_path / "run")
    run.verify()
    assert run.inputs(0) == [{"step": 0, "name": "caption", "payload": {"text": "x"}}]
    assert run.inputs(1) == []
    with pytest.raises(RunFolderError, match="--log full"):
        run.events("NOTED")
    assert run.sql("SELECT step FROM commits").to_pylist() == [{"step": 0}]


def test_an_unknown_table_or_event_lists_what_there_is(run_factory: Callable[..., Path]) -> None:
    run = Run.open(run_factory())
    with pytest.raises(RunFolderError, match="expected one of: IMPRESSION_SERVED, NOTED"):
        run.events("NOTHING")
    with pytest.raises(RunFolderError, match=r"no table 'items'.*written when a run closes"):
        run.table("items")


def test_rows_that_the_registry_has_ahead_of_the_journal_do_not_show(
    run_factory: Callable[..., Path],
) -> None:
    path = run_factory(steps=2)
    journal = path / "journal"
    data = journal.read_bytes()
    journal.write_bytes(data[:-10])  # the last commit record is torn
    assert Run.open(path).step_metrics()["step"].to_pylist() == [0]
