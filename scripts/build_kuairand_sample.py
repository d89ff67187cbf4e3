"""Writes the KuaiRand sample that the package ships, from a folder with the full Parquet files.

    python scripts/build_kuairand_sample.py SOURCE_DIR [TARGET_DIR]

People are chosen by a hash of their id among those with at least five impressions of known duration on the swipe feed;
all rows of the log that concern them are kept, with the videos they met there. Rows and columns are left out, no value
is changed. The output is a function of the source: the same files give the same bytes.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feedtwin.datasets.constants import sample_path
from feedtwin.datasets.hashing import uniforms
from feedtwin.datasets.kuairand import (
    HISTORY,
    HISTORY_COLUMNS,
    LOG,
    LOG_COLUMNS,
    USER_COLUMNS,
    USERS,
    VIDEO_COLUMNS,
    VIDEOS,
)

PEOPLE = 3_500
FEWEST_IMPRESSIONS = 5
EARLIER_KEPT = 25
SALT = "kuairand sample"


def choose_people(log: pa.Table) -> pa.Array:
    """The PEOPLE user ids with the smallest hashes among those with enough impressions, sorted."""
    feed = log.filter(pc.and_(pc.equal(log["tab"], 1), pc.greater(log["duration_ms"], 0)))
    distinct = feed.group_by(feed.column_names).aggregate([])
    counts = distinct.group_by("user_id").aggregate([("video_id", "count")])
    enough = counts.filter(pc.greater_equal(counts["video_id_count"], FEWEST_IMPRESSIONS))
    keys = np.sort(enough["user_id"].to_numpy().astype(np.int64))
    chosen = keys[np.argsort(uniforms(keys, SALT), kind="stable")[:PEOPLE]]
    return pa.array(np.sort(chosen))


def restrict(table: pa.Table, column: str, keys: pa.Array) -> pa.Table:
    """Rows whose key is among the given ones."""
    return table.filter(pc.is_in(pc.cast(table[column], pa.int64()), value_set=keys))


def shorten(history: pa.Table, videos: pa.Array) -> pa.Table:
    """The latest entries of each list whose videos are shipped."""
    known = set(videos.to_pylist())
    columns = {"user_id": history["user_id"]}
    for name in [c.name for c in HISTORY_COLUMNS[1:]]:
        lists = [
            [v for v in entry if v in known][-EARLIER_KEPT:] for entry in history[name].to_pylist()
        ]
        columns[name] = pa.array(lists, pa.list_(pa.int32()))
    return pa.table(columns)


def write(table: pa.Table, path: Path) -> None:
    """Writes a table compressed, without the writer's metadata."""
    pq.write_table(
        table.replace_schema_metadata(None), path, compression="zstd", compression_level=19
    )
    sys.stdout.write(f"{path.name}: {table.num_rows} rows, {path.stat().st_size / 1024:.0f} KiB\n")


def main(source: Path, target: Path) -> None:
    """Writes the four files."""
    target.mkdir(parents=True, exist_ok=True)
    log = pq.read_table(source / LOG, columns=[c.name for c in LOG_COLUMNS])
    people = choose_people(log)
    log = restrict(log, "user_id", people)
    on_feed = log.filter(pc.equal(log["tab"], 1))
    videos = pa.array(np.unique(on_feed["video_id"].to_numpy()).astype(np.int64))
    log = restrict(log, "video_id", videos)
    write(log, target / LOG)
    users = pq.read_table(source / USERS, columns=[c.name for c in USER_COLUMNS])
    write(restrict(users, "user_id", people), target / USERS)
    table = pq.read_table(source / VIDEOS, columns=[c.name for c in VIDEO_COLUMNS])
    write(restrict(table, "video_id", videos), target / VIDEOS)
    history = pq.read_table(source / HISTORY, columns=[c.name for c in HISTORY_COLUMNS])
    write(shorten(restrict(history, "user_id", people), videos), target / HISTORY)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else sample_path())
