from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feedtwin.datasets.kuairand import HISTORY, LOG, USERS, VIDEOS, KuaiRand
from feedtwin.errors import DataError

Change = Callable[[pa.Table], pa.Table]


def change(folder: Path, name: str, how: Change) -> None:
    path = folder / name
    pq.write_table(how(pq.read_table(path)), path)


def with_value(column: str, row: int, value: Any) -> Change:
    def replace(table: pa.Table) -> pa.Table:
        values = table[column].to_pylist()
        values[row] = value
        dtype = pa.float64() if isinstance(value, float) else table[column].type
        place = table.column_names.index(column)
        return table.set_column(place, column, pa.array(values, dtype))

    return replace


def message(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        KuaiRand().read(folder)
    return str(caught.value)


def test_a_missing_folder_is_named_with_what_is_expected(tmp_path: Path) -> None:
    text = message(tmp_path / "nowhere")
    assert "nowhere" in text and "does not exist" in text
    assert LOG in text and USERS in text and VIDEOS in text


def test_a_file_in_place_of_the_folder_is_refused(tiny: Path) -> None:
    assert "is a file" in message(tiny / LOG)


@pytest.mark.parametrize("name", [LOG, USERS, VIDEOS])
def test_a_missing_file_is_named_with_what_the_folder_holds(tiny: Path, name: str) -> None:
    (tiny / name).unlink()
    text = message(tiny)
    assert str(tiny / name) in text and HISTORY in text


@pytest.mark.parametrize(
    ("name", "column"),
    [
        (LOG, "play_time_ms"),
        (USERS, "follow_user_num"),
        (VIDEOS, "video_duration"),
        (HISTORY, "like_seq"),
    ],
)
def test_a_missing_column_is_named_with_its_file(tiny: Path, name: str, column: str) -> None:
    change(tiny, name, lambda table: table.drop_columns([column]))
    text = message(tiny)
    assert str(tiny / name) in text and f"column {column}" in text and "missing" in text


@pytest.mark.parametrize(
    ("name", "column", "dtype"),
    [
        (LOG, "user_id", pa.string()),
        (LOG, "play_time_ms", pa.float64()),
        (VIDEOS, "tag", pa.binary()),
        (HISTORY, "watch_seq", pa.list_(pa.field("element", pa.string()))),
    ],
)
def test_a_wrong_type_is_named_with_what_is_expected(
    tiny: Path, name: str, column: str, dtype: pa.DataType
) -> None:
    def retype(table: pa.Table) -> pa.Table:
        place = table.column_names.index(column)
        return table.set_column(place, column, table[column].cast(dtype))

    change(tiny, name, retype)
    text = message(tiny)
    assert str(tiny / name) in text and f"column {column} has type {dtype}" in text


@pytest.mark.parametrize(
    ("name", "column", "row", "value", "rule"),
    [
        (LOG, "play_time_ms", 7, -1, "at least 0"),
        (LOG, "play_time_ms", 7, None, "a value is expected"),
        (LOG, "duration_ms", 0, -5, "at least 0"),
        (LOG, "is_like", 3, 2, "at most 1"),
        (LOG, "hourmin", 3, 2460, "at most 2359"),
        (LOG, "hourmin", 3, 1275, "HHMM"),
        (LOG, "date", 11, 20221301, "YYYYMMDD"),
        (USERS, "is_video_author", 5, 4, "at most 1"),
        (USERS, "user_id", 5, 2, "each key is expected once"),
        (VIDEOS, "video_duration", 2, -1.0, "at least 0"),
        (VIDEOS, "video_duration", 2, float("inf"), "finite"),
        (VIDEOS, "upload_dt", 4, "10 April", "YYYY-MM-DD"),
        (HISTORY, "watch_seq", 1, [3, None], "every entry"),
    ],
)
def test_a_bad_value_is_named_by_file_row_column_and_rule(
    tiny: Path, name: str, column: str, row: int, value: Any, rule: str
) -> None:
    change(tiny, name, with_value(column, row, value))
    text = message(tiny)
    assert str(tiny / name) in text
    assert f"row {row + 1} " in text and f"column {column}" in text
    assert rule in text


def test_a_user_of_the_log_without_features_is_counted(tiny: Path) -> None:
    log = pq.read_table(tiny / LOG)
    change(tiny, LOG, with_value("user_id", 4, 999_999))
    text = message(tiny)
    assert "row 5 " in text and "999999" in text and "1 ids of 1 rows" in text
    assert log["user_id"][4].as_py() != 999_999


def test_a_video_of_the_log_without_features_is_counted(tiny: Path) -> None:
    change(tiny, VIDEOS, lambda table: table.slice(1))
    text = message(tiny)
    assert "column video_id" in text and "1 ids of " in text and VIDEOS in text


def test_a_torn_file_is_refused_by_name(tiny: Path) -> None:
    content = (tiny / LOG).read_bytes()
    (tiny / LOG).write_bytes(content[: len(content) // 2])
    text = message(tiny)
    assert str(tiny / LOG) in text and "not readable as Parquet" in text


def test_a_flipped_page_is_refused_by_name(tiny: Path) -> None:
    content = bytearray((tiny / LOG).read_bytes())
    content[40:400] = bytes(360)
    (tiny / LOG).write_bytes(content)
    assert str(tiny / LOG) in message(tiny)


def test_an_empty_file_is_refused(tiny: Path) -> None:
    change(tiny, USERS, lambda table: table.slice(0, 0))
    assert "no rows" in message(tiny)


def test_a_log_of_other_surfaces_only_is_refused(tiny: Path) -> None:
    change(tiny, LOG, lambda table: table.filter(pa.compute.equal(table["tab"], 0)))
    assert "no row has tab = 1" in message(tiny)


def test_a_log_of_unknown_durations_only_is_refused(tiny: Path) -> None:
    def unknown(table: pa.Table) -> pa.Table:
        place = table.column_names.index("duration_ms")
        return table.set_column(place, "duration_ms", pa.array([0] * table.num_rows))

    change(tiny, LOG, unknown)
    assert "known duration" in message(tiny)


def test_seconds_in_a_column_of_milliseconds_are_refused(tiny: Path) -> None:
    def shrink(table: pa.Table) -> pa.Table:
        values = [v // 1000 for v in table["duration_ms"].to_pylist()]
        place = table.column_names.index("duration_ms")
        return table.set_column(place, "duration_ms", pa.array(values, pa.int32()))

    change(tiny, LOG, shrink)
    text = message(tiny)
    assert "column duration_ms" in text and "Seconds were probably given" in text


def test_a_shuffled_time_column_is_refused_by_the_days_of_the_log(tiny: Path) -> None:
    def shuffle(table: pa.Table) -> pa.Table:
        stamps = table["time_ms"].to_pylist()
        half = len(stamps) // 2
        place = table.column_names.index("time_ms")
        return table.set_column(
            place, "time_ms", pa.array(stamps[half:] + stamps[:half], pa.int64())
        )

    change(tiny, LOG, shuffle)
    text = message(tiny)
    assert "column time_ms" in text and "was shuffled" in text


def test_a_few_rows_are_not_refused_for_their_days(tiny: Path) -> None:
    change(tiny, LOG, lambda table: table.slice(0, 10))
    change(tiny, LOG, with_value("time_ms", 3, 1_650_800_000_000))
    assert KuaiRand().read_log(tiny).provenance.days == 1


def test_a_surface_that_would_wrap_is_refused_with_its_row(tiny: Path) -> None:
    change(
        tiny,
        LOG,
        lambda t: t.set_column(t.column_names.index("tab"), "tab", t["tab"].cast(pa.int32())),
    )
    change(tiny, LOG, with_value("tab", 6, 257))
    text = message(tiny)
    assert "row 7 " in text and "column tab" in text and "at most 255" in text


def test_a_few_very_long_rows_are_flagged_with_their_count(tiny: Path) -> None:
    change(tiny, LOG, with_value("play_time_ms", 6, 20_000_000))
    notes = KuaiRand().read_encounters(tiny).provenance.notes
    assert any("1 rows have a play_time_ms above 3 h (first at row 7)" in note for note in notes)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda v: [None if i == 4 else float(x) for i, x in enumerate(v)], "row 5 "),
        (lambda v: [x / 1000 for x in v], "looks like seconds where ms are expected"),
        (lambda v: [x + 0.5 if i == 4 else float(x) for i, x in enumerate(v)], "row 5 "),
    ],
)
def test_numbers_with_a_point_are_told_why(tiny: Path, values: Any, words: str) -> None:
    def floats(table: pa.Table) -> pa.Table:
        found = pa.array(values(table["play_time_ms"].to_pylist()), pa.float64())
        return table.set_column(table.column_names.index("play_time_ms"), "play_time_ms", found)

    change(tiny, LOG, floats)
    text = message(tiny)
    assert "column play_time_ms" in text and "whole number" in text and words in text
