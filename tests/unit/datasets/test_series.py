from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feedtwin.datasets import series_names
from feedtwin.datasets.series import CASCADES, GROWTH, HASHTAGS, SERIES, TRENDS
from feedtwin.errors import DataError


def change(path: Path, column: str, row: int, value) -> None:
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[row] = value
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values, table[column].type)), path)


@pytest.mark.parametrize("name", series_names())
def test_a_tiny_folder_reads_back_and_says_that_it_is_generated(tmp_path: Path, name: str) -> None:
    one = SERIES[name]
    about = one.read(one.write_tiny(tmp_path)).about
    assert about.state == "generated sample" and about.notes == ()
    assert about.licence.startswith("none") and one.licence.startswith("unknown")


@pytest.mark.parametrize("name", series_names())
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    one = SERIES[name]
    one.write_tiny(tmp_path)
    (tmp_path / one.files[0]).unlink()
    with pytest.raises(DataError, match="is missing"):
        one.read(tmp_path)


def test_a_day_given_twice_is_refused_and_a_fall_is_counted(tmp_path: Path) -> None:
    path = HASHTAGS.write_tiny(tmp_path) / "daily_views.parquet"
    change(path, "views", 5, 0)
    series = HASHTAGS.read(tmp_path)
    assert series.about.notes == ("flagged: cumulative views fall on 1 of 348 days.",)
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    with pytest.raises(DataError, match=r"row 361 .* column day"):
        HASHTAGS.read(tmp_path)


def test_negative_views_are_refused(tmp_path: Path) -> None:
    change(HASHTAGS.write_tiny(tmp_path) / "daily_views.parquet", "views", 2, -4)
    with pytest.raises(DataError, match=r"row 3 .* column views"):
        HASHTAGS.read(tmp_path)


def test_a_rank_of_zero_is_refused(tmp_path: Path) -> None:
    change(TRENDS.write_tiny(tmp_path) / "hashtags.parquet", "rank", 0, 0)
    with pytest.raises(DataError, match="column rank"):
        TRENDS.read(tmp_path)


def test_events_before_their_root_are_counted_and_strangers_refused(tmp_path: Path) -> None:
    path = CASCADES.write_tiny(tmp_path) / "events.parquet"
    change(path, "dt_s", 4, -3)
    cascades = CASCADES.read(tmp_path)
    assert "1 of" in cascades.about.notes[0] and np.isnan(cascades.delay_s[4])
    change(path, "cascade", 4, "nobody")
    with pytest.raises(DataError, match=r"row 5 .* column cascade"):
        CASCADES.read(tmp_path)


def test_stamps_in_the_wrong_unit_are_refused_by_their_year(tmp_path: Path) -> None:
    path = HASHTAGS.write_tiny(tmp_path) / "daily_views.parquet"
    table = pq.read_table(path)
    seconds = pa.array(table["day"].cast(pa.int64()).to_numpy() // 1000, pa.timestamp("ms"))
    place = table.column_names.index("day")
    pq.write_table(table.set_column(place, "day", seconds), path)
    with pytest.raises(DataError, match=r"row 1 .* column day.* from 2005 to 2100"):
        HASHTAGS.read(tmp_path)


def test_shuffled_rows_are_sorted_and_said_to_have_been_out_of_order(tmp_path: Path) -> None:
    path = HASHTAGS.write_tiny(tmp_path) / "daily_views.parquet"
    table, before = pq.read_table(path), HASHTAGS.read(tmp_path)
    pq.write_table(table.take(list(range(table.num_rows))[::-1]), path)
    after = HASHTAGS.read(tmp_path)
    assert (after.count == before.count).all() and (after.day == before.day).all()
    assert "not in order" in after.about.notes[0]


def test_milliseconds_in_place_of_seconds_are_refused(tmp_path: Path) -> None:
    path = CASCADES.write_tiny(tmp_path) / "events.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("dt_s")
    slow = pa.array(table["dt_s"].to_numpy() * 1000)
    pq.write_table(table.set_column(place, "dt_s", slow), path)
    with pytest.raises(DataError, match=r"column dt_s.* milliseconds"):
        CASCADES.read(tmp_path)


def test_an_event_given_twice_is_refused(tmp_path: Path) -> None:
    path = CASCADES.write_tiny(tmp_path) / "events.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    with pytest.raises(DataError, match=rf"row {table.num_rows + 1} .* column idx"):
        CASCADES.read(tmp_path)


def test_readings_of_videos_are_by_age_and_what_is_odd_is_counted_or_refused(
    tmp_path: Path,
) -> None:
    path = GROWTH.write_tiny(tmp_path, count=3) / "panel.parquet"
    whole = GROWTH.read(tmp_path)
    assert len(whole.views) == 60 and whole.age_h[:3].tolist() == [3.0, 9.0, 15.0]
    assert whole.channel.tolist() == [0, 1, 2]
    table = pq.read_table(path)
    pq.write_table(table.take(np.arange(len(table))[::-1]), path)
    backwards = GROWTH.read(tmp_path)
    assert (backwards.views == whole.views).all() and (backwards.age_h == whole.age_h).all()
    pq.write_table(table, path)
    change(path, "views", 5, 0)
    change(path, "ts", 0, table["published"][0].as_py().replace(year=2020))
    found = GROWTH.read(tmp_path)
    assert len(found.views) == 59 and [note.split(" at ")[0] for note in found.about.notes] == [
        "flagged: cumulative views fall",
        "flagged: 1 of 60 readings lie before their video's publication; they are left out.",
    ]
    pq.write_table(pa.concat_tables([table, table.slice(4, 1)]), path)
    with pytest.raises(DataError, match=r"row 61 .* column ts"):
        GROWTH.read(tmp_path)
