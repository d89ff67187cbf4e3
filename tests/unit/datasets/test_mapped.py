from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from feedtwin.datasets import adaptor
from feedtwin.datasets.column_map import read_map
from feedtwin.datasets.mapped import Mapped
from feedtwin.errors import DataError, SettingsError

MAP = """\
name: example
licence: CC0
order: ascending
zone_h: 8
log:
  file: views.csv
  columns:
    user: who
    video: what
    time: {column: at, unit: ms}
    watch: {column: seen, unit: s}
    duration: {column: length, unit: s}
    surface: screen
    like: heart
videos:
  file: clips.csv
  columns:
    video: what
    author: maker
    category: topic
  features: [brightness]
users:
  file: people.csv
  columns: {user: who}
"""


@pytest.fixture
def mapped(tmp_path: Path) -> tuple[Mapped, Path]:
    (tmp_path / "map.yaml").write_text(MAP, "utf-8")
    one = Mapped(tmp_path / "map.yaml")
    return one, one.write_tiny(tmp_path / "data")


def edit(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), "utf-8")


def rewrite(path: Path, column: str, change) -> None:
    table = pacsv.read_csv(path)
    values = change(np.array(table[column].to_pylist()))
    place = table.column_names.index(column)
    pacsv.write_csv(table.set_column(place, column, [values.tolist()]), path)


def message(one: Mapped, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        one.read_log(folder)
    return str(caught.value)


def test_a_mapped_log_has_what_the_generated_one_has(mapped) -> None:
    one, folder = mapped
    log = one.read_log(folder)
    assert len(log.impressions) > 300
    assert log.recorded == ("like",)
    assert log.impressions.like.any() and not log.impressions.share.any()
    assert log.provenance.first_day == "2022-04-25"
    assert any(note.startswith("3 exact duplicates") for note in log.provenance.notes)
    assert any("not recorded" in note and "comment" in note for note in log.provenance.notes)
    features = one.read_encounters(folder).video_features
    assert "brightness" in features.numbers and "category" in features.words


def test_a_log_without_a_surface_says_what_its_rows_count_as(mapped) -> None:
    one, folder = mapped
    said = "no surface is mapped: all rows count as surface 0."
    assert said not in one.read_log(folder).provenance.notes
    edit(Path(one.map_file), "    surface: screen\n", "")
    log = one.read_log(folder)
    assert said in log.provenance.notes and not log.impressions.surface.any()


def test_a_mapped_log_builds_a_world(mapped) -> None:
    one, folder = mapped
    world = one.read(folder)
    assert len(world.people) > 50 and world.licence == "CC0"


def test_parquet_and_csv_read_the_same(mapped) -> None:
    one, folder = mapped
    before = one.read_log(folder)
    pq.write_table(pacsv.read_csv(folder / "views.csv"), folder / "views.parquet")
    edit(Path(one.map_file), "views.csv", "views.parquet")
    after = one.read_log(folder)
    assert np.array_equal(before.impressions.watch_s, after.impressions.watch_s)
    assert np.array_equal(before.impressions.time_s, after.impressions.time_s)


def test_milliseconds_given_for_seconds_are_refused(mapped) -> None:
    one, folder = mapped
    rewrite(folder / "views.csv", "length", lambda x: x * 1000)
    text = message(one, folder)
    assert "column length" in text and "Milliseconds were probably given" in text and "row " in text


def test_seconds_given_for_milliseconds_are_refused(mapped) -> None:
    one, folder = mapped
    edit(Path(one.map_file), "column: seen, unit: s", "column: seen, unit: ms")
    text = message(one, folder)
    assert "column seen" in text and "Seconds were probably given" in text


def test_seconds_said_to_be_a_share_of_the_duration_are_refused(mapped) -> None:
    one, folder = mapped
    edit(Path(one.map_file), "column: seen, unit: s", "column: seen, unit: share")
    rewrite(folder / "views.csv", "seen", lambda x: x + 30.0)
    text = message(one, folder)
    assert "columns seen and length" in text and "a share of the duration" in text


def test_times_before_there_were_feeds_are_flagged_with_their_count(mapped) -> None:
    one, folder = mapped
    rewrite(folder / "views.csv", "at", lambda x: x // 1000)
    log = one.read_encounters(folder)
    (told,) = [note for note in log.provenance.notes if "before 2000" in note]
    assert (
        told.startswith("flagged: ") and "column at, 1970-01-2" in told and "they are kept" in told
    )
    assert int(told.split()[1]) >= len(log.rows)


@pytest.mark.parametrize("line", ["zone_h: 99", "zone_h: -12.5", "zone_h: .nan", "feed: 256"])
def test_hours_and_surfaces_out_of_bounds_are_refused_with_their_line(mapped, line: str) -> None:
    one, folder = mapped
    edit(Path(one.map_file), "zone_h: 8", line)
    text = message(Mapped(one.map_file), folder)
    assert "map.yaml, line 4: " in text and "is expected" in text


def test_what_was_read_by_another_map_is_another_source(mapped, tmp_path) -> None:
    one, folder = mapped
    first = one.read_encounters(folder).provenance.source_hash
    edit(Path(one.map_file), "licence: CC0", "licence: CC0, as they say")
    assert Mapped(one.map_file).read_encounters(folder).provenance.source_hash == first
    edit(Path(one.map_file), "zone_h: 8", "zone_h: 7")
    assert Mapped(one.map_file).read_encounters(folder).provenance.source_hash != first


def test_a_negative_duration_is_refused_with_its_row(mapped) -> None:
    one, folder = mapped

    def turn(x):
        x[6] = -x[6] - 1
        return x

    rewrite(folder / "views.csv", "length", turn)
    text = message(one, folder)
    assert "row 7 " in text and "column length" in text and "at least 0" in text


def test_duplicated_rows_are_dropped_and_counted(mapped) -> None:
    one, folder = mapped
    table = pacsv.read_csv(folder / "views.csv")
    first = len(one.read_log(folder).impressions)
    import pyarrow as pa

    pacsv.write_csv(
        pa.concat_tables([table, table.slice(table.num_rows - 20)]), folder / "views.csv"
    )
    edit(Path(one.map_file), "order: ascending", "order: any")
    log = one.read_log(folder)
    assert len(log.impressions) == first
    assert any(note.startswith("23 exact duplicates") for note in log.provenance.notes)


def test_a_shuffled_time_column_is_refused_or_flagged_with_counts(mapped) -> None:
    one, folder = mapped
    rewrite(folder / "views.csv", "at", lambda x: x[np.argsort((np.arange(len(x)) * 7919) % 10007)])
    text = message(one, folder)
    assert "column at" in text and "shuffled" in text and "pairs" in text
    edit(Path(one.map_file), "order: ascending", "order: any")
    notes = one.read_log(folder).provenance.notes
    assert any(note.startswith("flagged: time goes back in") for note in notes)


def test_unknown_categories_are_refused_and_missing_ones_counted(mapped) -> None:
    one, folder = mapped
    edit(
        Path(one.map_file),
        "zone_h: 8",
        "zone_h: 8\ncategories: ['1', '2', '3', '7', '12', '39', unknown]",
    )
    one.read_log(folder)
    table = pacsv.read_csv(folder / "clips.csv").to_pydict()
    rows = ["" if i == 2 else "surprise" if i == 4 else t for i, t in enumerate(table["topic"])]
    rewrite(folder / "clips.csv", "topic", lambda _: np.array(rows))
    text = message(one, folder)
    assert "row 5 " in text and "column topic" in text and "surprise" in text
    edit(Path(one.map_file), "categories: [", "categories: [surprise, ")
    notes = one.read_log(folder).provenance.notes
    assert any("1 of 40 videos have no category" in note for note in notes)


def test_a_video_that_its_table_lacks_is_named(mapped) -> None:
    one, folder = mapped
    lines = (folder / "clips.csv").read_text("utf-8").splitlines(keepends=True)
    (folder / "clips.csv").write_text("".join(lines[:1] + lines[2:]), "utf-8")
    text = message(one, folder)
    assert "column what" in text and "clips.csv" in text


def test_ids_may_be_words(mapped) -> None:
    one, folder = mapped
    for name in ("views.csv", "people.csv"):
        rewrite(folder / name, "who", lambda x: np.array([f"u{i}" for i in x]))
    assert len(one.read_log(folder).users.key) == 60


def test_a_watch_ratio_is_turned_into_seconds(mapped) -> None:
    one, folder = mapped
    before = one.read_log(folder).impressions
    table = pacsv.read_csv(folder / "views.csv").to_pydict()
    share = [w / d if d else 0.0 for w, d in zip(table["seen"], table["length"], strict=True)]
    rewrite(folder / "views.csv", "seen", lambda _: np.array(share))
    edit(Path(one.map_file), "column: seen, unit: s", "column: seen, unit: share")
    after = one.read_log(folder).impressions
    known = before.duration_s > 0
    assert np.allclose(after.watch_s[known], before.watch_s[known])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("zone_h: 8", "zoneh: 8", "'zoneh' is no part"),
        ("heart", "{column: heart, unit: s}", "has no unit"),
        ("unit: ms", "unit: hours", "say which it is"),
        ("    like: heart", "    likes: heart", "has no field 'likes'"),
        ("    watch: {column: seen, unit: s}\n", "", "lacks the field 'watch'"),
        ("order: ascending", "order: down", "expected one of"),
        ("licence: CC0\n", "", "'licence' is missing"),
    ],
)
def test_a_wrong_map_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in MAP
    path = tmp_path / "map.yaml"
    path.write_text(MAP.replace(old, new), "utf-8")
    with pytest.raises(DataError, match=r"map\.yaml") as caught:
        read_map(path)
    assert words in str(caught.value)


def test_the_adaptor_of_tables_asks_for_its_map() -> None:
    with pytest.raises(SettingsError, match="column map"):
        adaptor("table")


def test_milliseconds_given_for_seconds_are_refused_where_watches_are_short(mapped) -> None:
    one, folder = mapped
    rewrite(folder / "views.csv", "seen", lambda x: np.round(x / np.median(x) * 2.5 * 1000))
    text = message(one, folder)
    assert "columns seen and length" in text and "times the video's duration" in text
    assert "milliseconds" in text and "row " in text


def test_a_surface_that_is_no_whole_number_is_refused(mapped) -> None:
    one, folder = mapped

    def half(x):
        x = x.astype(float)
        x[6] = 1.5
        return x

    rewrite(folder / "views.csv", "screen", half)
    text = message(one, folder)
    assert "row 7 " in text and "column screen" in text and "whole number" in text
