"""A table says the same whatever kind of file it is in."""

import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from feedtwin.datasets import sample_path
from feedtwin.datasets.encounters import EncounterLog, Features
from feedtwin.datasets.kuairand import LOG, USERS, VIDEOS, KuaiRand
from feedtwin.datasets.kuairand_encounters import read_files
from feedtwin.errors import DataError


def encounters(folder: Path, users: Path, videos: Path) -> EncounterLog:
    return read_files(KuaiRand(), folder / LOG, users, videos, every_row=True)


def enriched(table: pa.Table, name: str) -> pa.Table:
    """The table with words, and with numbers of which some are missing, as the full data have them."""
    rows = range(table.num_rows)
    word, number = (
        ("active_degree", "seen_before") if name == USERS else ("video_type", "music_type")
    )
    table = table.append_column(word, pa.array(["NORMAL" if i % 3 else "AD, long" for i in rows]))
    return table.append_column(number, pa.array([None if i % 7 == 0 else i % 5 for i in rows]))


def same(one: Features, other: Features) -> None:
    assert one.names() == other.names() and one.names()
    for name, values in one.numbers.items():
        assert np.array_equal(values, other.numbers[name], equal_nan=True), name
    for name, words in one.words.items():
        assert words.tolist() == other.words[name].tolist(), name


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv", ".csv.gz", ".pq", ".PARQUET"])
def test_tables_of_people_and_videos_keep_their_features_in_every_kind_of_file(
    tmp_path: Path, suffix: str
) -> None:
    folder = sample_path()
    paths, parquet = [], []
    for name in (USERS, VIDEOS):
        parquet.append(tmp_path / f"rich {name}")
        pq.write_table(enriched(pq.read_table(folder / name), name), parquet[-1])
        paths.append((tmp_path / name).with_suffix(suffix))
        if suffix in (".pq", ".PARQUET"):
            shutil.copyfile(parquet[-1], paths[-1])
            continue
        options = pacsv.WriteOptions(delimiter="\t" if suffix == ".tsv" else ",")
        with pa.output_stream(str(paths[-1])) as out:
            pacsv.write_csv(pq.read_table(parquet[-1]), out, options)
    before, after = encounters(folder, *parquet), encounters(folder, *paths)
    assert {"active_degree", "seen_before"} <= set(after.user_features.names())
    assert {"video_type", "music_type"} <= set(after.video_features.names())
    same(before.user_features, after.user_features)
    same(before.video_features, after.video_features)
    for part in ("rows", "users"):
        for one in fields(getattr(before, part)):
            values = (getattr(getattr(log, part), one.name) for log in (before, after))
            assert np.array_equal(*values, equal_nan=True), one.name


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = sample_path()
    with pytest.raises(DataError, match=r"people\.csv"):
        encounters(folder, tmp_path / "people.csv", folder / VIDEOS)
