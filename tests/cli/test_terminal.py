"""How numbers look in a terminal."""

import pytest

from feedtwin.cli.progress import rates
from feedtwin.cli.terminal import cell, quantity, shell, size, span


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.354, "share", "35.4 %"), (0.0205, "share", "2.05 %"), (0.000978, "share", "0.098 %"),
        (0.0, "share", "0 %"), (1.0, "share", "100.0 %"), (17.249, "s", "17.2 s"),
        (1234.4, "s", "1,234 s"), (0.5754, "1", "0.575"), (24177, "count", "24,177"),
        (100.0, "impressions", "100 impressions"), (None, "s", "undefined"),
    ],
)  # fmt: skip
def test_a_metric_is_shown_at_the_precision_a_reader_can_use(value, unit, text):
    assert quantity(value, unit) == text


def test_steps_are_told_in_days_where_they_are_whole_days():
    assert span(1) == "1 step" and span(25) == "25 steps"
    assert span(24) == "24 steps (1 day)" and span(168) == "168 steps (7 days)"


def test_a_cell_shows_nothing_as_a_dash_and_truth_as_words():
    assert [cell(None), cell(True), cell(0.1), cell(["a", 2])] == ["-", "yes", "0.1", "a, 2"]


def test_a_command_can_be_pasted_into_a_shell():
    assert shell("sql", "my runs/a", "select 1") == "feedtwin sql 'my runs/a' 'select 1'"


def test_the_size_of_a_folder_is_that_of_its_files(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(b"x" * 1500)
    assert size(tmp_path) == "1.5 kB"


def test_progress_says_steps_encounters_and_the_time_left():
    assert rates(10, 40, 5000, 2.0, "encounters") == "5 steps/s  2,500 encounters/s  0:08 left"
    assert rates(1, 3700, 10, 1.0, "rows") == "1 steps/s  10 rows/s  1:01:40 left"
