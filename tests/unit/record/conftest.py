"""Small logs for the tests of what a run leaves behind."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from feedtwin.record.folder import RunFolder
from feedtwin.record.journal import Journal
from feedtwin.record.log import EventLog
from feedtwin.record.registry import Registry
from feedtwin.record.streams import Marks

SERVED = pa.schema(
    [
        pa.field("step", pa.uint32()),
        pa.field("user", pa.uint32()),
        pa.field("item", pa.uint64()),
        pa.field("score", pa.float32()),
    ]
)
NOTED = pa.schema([pa.field("step", pa.uint32()), pa.field("text", pa.string())])
SCHEMAS = {"IMPRESSION_SERVED": SERVED, "NOTED": NOTED}


def served(step: int, rows: int) -> pa.RecordBatch:
    """Rows that depend on nothing but (step, rows)."""
    k = np.arange(rows)
    return pa.record_batch(
        [
            pa.array(np.full(rows, step, np.uint32)),
            pa.array((k * 7 + step).astype(np.uint32)),
            pa.array((k.astype(np.uint64) << np.uint64(32)) | np.uint64(step)),
            pa.array((k / 8 + step).astype(np.float32)),
        ],
        schema=SERVED,
    )


def noted(step: int) -> pa.RecordBatch:
    return pa.record_batch([pa.array([step], pa.uint32()), pa.array([f"é{step}"])], schema=NOTED)


def write_step(log: EventLog, step: int) -> Marks:
    """Three batches, one of them empty; returns the marks."""
    seq = step * 3
    log.append(seq, step, "serve", 0, "IMPRESSION_SERVED", served(step, 5 + step))
    log.append(seq + 1, step, "react", 1, "NOTED", noted(step))
    log.append(seq + 2, step, "react", 2, "IMPRESSION_SERVED", served(step, 0))
    return log.marks()


def make_run(path: Path, steps: int, close: bool = False) -> None:
    """A run of `steps` steps with every part; `close` ends it, else it is left as a kill leaves it."""
    with RunFolder.create(path, {"seed": 7}, {"seed": 7, "log": "full"}) as folder:
        journal, _, _ = Journal.recover(folder.journal_path)
        log = EventLog.create(folder.events, SCHEMAS)
        registry = Registry.create(folder.registry_path, {"seed": "7"})
        for step in range(steps):
            marks = write_step(log, step)
            registry.commit(step, f"{step:02x}", {"impressions": 5 + step})
            journal.commit(step, f"{step:02x}", rounds=2, streams=marks, batches=log.batches)
        registry.close()
        if close:
            journal.close("ff", index=log.close())
        else:
            log.append(99, steps, "serve", 0, "IMPRESSION_SERVED", served(99, 3))
            log.marks()  # written, never committed
            log.release()
            journal.release()


@pytest.fixture
def sample() -> SimpleNamespace:
    """The helpers above, for test modules."""
    return SimpleNamespace(
        schemas=SCHEMAS, served=served, noted=noted, write_step=write_step, make_run=make_run
    )


@pytest.fixture
def run_factory(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "run", steps: int = 4, close: bool = False) -> Path:
        make_run(tmp_path / name, steps, close)
        return tmp_path / name

    return make
