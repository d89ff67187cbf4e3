from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from feedtwin.datasets import adaptor
from feedtwin.datasets.kuairec import KuaiRec
from feedtwin.errors import DataError


def test_a_tiny_kuairec_folder_builds_a_world_and_records_no_signals(tmp_path: Path) -> None:
    one = adaptor("kuairec")
    log = one.read_log(one.write_tiny(tmp_path))
    assert log.recorded == () and len(log.impressions) > 300
    assert len(log.videos.tag_names) > 3
    assert any("not recorded" in note for note in log.provenance.notes)
    assert len(one.read(tmp_path).people) > 50


def test_a_video_is_read_once_from_its_daily_rows(tmp_path: Path) -> None:
    one = KuaiRec()
    one.write_tiny(tmp_path)
    before = one.read_log(tmp_path)
    path = tmp_path / "item_daily_features.csv"
    table = pacsv.read_csv(path)
    pacsv.write_csv(pa.concat_tables([table, table]), path)
    after = one.read_log(tmp_path)
    assert len(after.videos.key) == len(before.videos.key) == 40


def test_rows_without_a_time_are_left_out_and_counted(tmp_path: Path) -> None:
    one = KuaiRec()
    one.write_tiny(tmp_path)
    path = tmp_path / "big_matrix.csv"
    table = pacsv.read_csv(path)
    stamps = table["timestamp"].to_pylist()
    stamps[3] = None
    place = table.column_names.index("timestamp")
    pacsv.write_csv(table.set_column(place, "timestamp", [stamps]), path)
    notes = one.read_log(tmp_path).provenance.notes
    assert any("1 of" in note and "no time" in note for note in notes)


def test_a_folder_without_a_matrix_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"big_matrix\.csv"):
        KuaiRec().read_log(tmp_path)
