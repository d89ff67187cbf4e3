"""What is wrong with a log as a whole: units, order, days. Single values are checked where they are read."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8, I4, I8, U1, Flags
from feedtwin.datasets.parquet import Source
from feedtwin.errors import DataError


def refuse_units(
    source: Source,
    column: str,
    seconds: F8,
    constants: Mapping[str, Any],
    known: Flags | None = None,
) -> None:
    """Refuses a column of durations or watch times whose unit cannot be what was said.

    Args:
        source: the file, for the message.
        column: name of the column.
        seconds: (n,) its values as seconds, by the unit that was said; 0 = unknown or not watched.
        constants: `checks.median_low_s`, `checks.median_high_s`, `checks.rows_min`.
        known: (n,) rows that count; those above 0 by default.

    Raises:
        DataError: The median lies outside the limits.
    """
    counted = seconds[(seconds > 0) if known is None else known]
    if len(counted) < constants["checks.rows_min"]:
        return
    median = float(np.median(counted))
    low, high = constants["checks.median_low_s"], constants["checks.median_high_s"]
    if low <= median <= high:
        return
    row = int(np.argmax(seconds)) if median > high else int(np.argmax(seconds > 0))
    worse, better = ("milliseconds", "seconds") if median > high else ("seconds", "milliseconds")
    raise DataError(
        f"{source.path}: column {column}: the median is {median:,.4g} s as the unit is understood, for example "
        f"{seconds[row]:,.6g} s in row {row + 1}; {low:g} to {high:g} s are expected. {worse.capitalize()} were "
        f"probably given for {better}: convert the column, or name its unit in the column map."
    )


def refuse_ratio(
    source: Source,
    columns: tuple[str, ...],
    watch_s: F8,
    duration_s: F8,
    constants: Mapping[str, Any],
) -> None:
    """Refuses watch times and durations that cannot be in one unit, though each alone might be.

    Args:
        source: the file, for the message.
        columns: names of the two columns, watch times first.
        watch_s: (n,) watch times as seconds, by the unit that was said.
        duration_s: (n,) durations likewise; rows where either is 0 or not known do not count.
        constants: `checks.ratio_low`, `checks.ratio_high`, `checks.rows_min`.

    Raises:
        DataError: The median of watch time over duration lies outside the limits.
    """
    counted = np.flatnonzero((watch_s > 0) & (duration_s > 0))
    if len(counted) < constants["checks.rows_min"]:
        return
    ratio = watch_s[counted] / duration_s[counted]
    median = float(np.median(ratio))
    low, high = constants["checks.ratio_low"], constants["checks.ratio_high"]
    if low <= median <= high:
        return
    row = int(counted[np.argmax(ratio) if median > high else np.argmin(ratio)])
    raise DataError(
        f"{source.path}: columns {' and '.join(columns)}: people watch {median:,.4g} times the video's duration in the median "
        f"as the units are understood, for example {watch_s[row]:,.6g} s of {duration_s[row]:,.6g} s in row {row + 1}; "
        f"{low:g} to {high:g} is expected. One of them is probably in another unit than was said, as milliseconds for seconds or seconds "
        "for a share of the duration: convert it, or name its unit in the column map."
    )


def long_notes(column: str, seconds: F8, constants: Mapping[str, Any]) -> list[str]:
    """One note with the count of rows that last longer than `checks.hours_high`, none where there is none."""
    hours = constants["checks.hours_high"]
    long = seconds > 3600.0 * hours
    if not long.any():
        return []
    return [
        f"flagged: {int(long.sum())} rows have a {column} above {hours:g} h (first at row {int(np.argmax(long)) + 1}); they are kept."
    ]


def early_notes(column: str, time_s: F8, constants: Mapping[str, Any]) -> list[str]:
    """One note with the count of rows before `checks.year_low`, none where there is none.

    Args:
        column: name of the column of times.
        time_s: (n,) seconds since 1970, local time.
        constants: `checks.year_low`.
    """
    year = int(constants["checks.year_low"])
    early = time_s < (date(year, 1, 1) - date(1970, 1, 1)).days * 86_400.0
    if not early.any():
        return []
    row = int(np.argmax(early))
    day = date(1970, 1, 1) + timedelta(days=int(time_s[row] // 86_400))
    return [
        f"flagged: {int(early.sum())} rows are of a time before {year} (column {column}, {day} in row {row + 1}); they are kept. Is the "
        "unit of the time right?"
    ]


def refuse_shuffled_days(
    source: Source, column: str, time_s: F8, day: I4, constants: Mapping[str, Any]
) -> None:
    """Refuses time stamps that mostly fall on other days than the file's own day column says.

    Raises:
        DataError: More than `checks.wrong_days_high` of the rows disagree.
    """
    wrong = np.floor(time_s / 86_400.0).astype(np.int64) != day
    allowed = max(constants["checks.wrong_days_high"] * len(wrong), constants["checks.rows_min"])
    if wrong.sum() <= allowed:
        return
    row = int(np.argmax(wrong))
    raise DataError(
        f"{source.path}: row {row + 1}, column {column}: the time falls on day {time_s[row] / 86_400:.2f} of the log, the "
        f"row's date says day {int(day[row])}; so do {int(wrong.sum())} of {len(wrong)} rows, where at most a share of "
        f"{constants['checks.wrong_days_high']:g} is expected. The column is in another unit or was shuffled: restore it."
    )


def backward(time_s: F8, user: I8 | I4) -> tuple[int, int, int]:
    """How often time goes back between consecutive rows of one person.

    Returns:
        Number of such pairs, number of pairs, and the first row (from 0) whose predecessor is later; -1 if none.
    """
    order = np.argsort(user, kind="stable")
    same = user[order][1:] == user[order][:-1]
    falls = same & (np.diff(time_s[order]) < 0)
    first = int(order[1:][falls].min()) if falls.any() else -1
    return int(falls.sum()), int(same.sum()), first


def order_notes(time_s: F8, user: I8 | I4) -> list[str]:
    """One note with counts where the log is not in order of time, none where it is."""
    falls, pairs, first = backward(time_s, user)
    if not falls:
        return []
    return [
        f"flagged: time goes back in {falls} of {pairs} consecutive rows of one person (first at row {first + 1}); order is "
        "taken from the time column."
    ]


def refuse_disorder(
    source: Source, column: str, time_s: F8, user: I8 | I4, constants: Mapping[str, Any]
) -> None:
    """Refuses a log that is said to be in order of time and is not.

    Raises:
        DataError: Time goes back in more than `checks.disorder_high` of the consecutive rows of one person.
    """
    falls, pairs, first = backward(time_s, user)
    limit = constants["checks.disorder_high"]
    if falls <= limit * pairs:
        return
    raise DataError(
        f"{source.path}: row {first + 1}, column {column}: the time lies before that of the same person's row above it; so "
        f"it does in {falls} of {pairs} such pairs, where a share of at most {limit:g} is expected of a log in order of time. "
        "The column was probably shuffled: restore it, or write `order: any` in the column map if the rows have no order."
    )


def duplicates(columns: list[I8 | F8 | U1 | I4 | Flags]) -> Flags:
    """Which rows repeat an earlier row in every column, (n,); what is not known equals what is not known."""
    table = np.stack([np.asarray(c, dtype=np.float64) for c in columns], axis=1)
    order = np.lexsort(table.T[::-1])
    below, above = table[order][1:], table[order][:-1]
    same = np.all((below == above) | (np.isnan(below) & np.isnan(above)), axis=1)
    again = np.zeros(len(table), dtype=np.bool_)
    again[order[1:]] = same  # a stable sort keeps the first of equal rows first
    return again


def duplicate_note(again: Flags, kept: bool) -> str:
    """One note on the rows that repeat an earlier one, and on what became of them."""
    fate = "kept" if kept else "dropped"
    return f"{int(again.sum())} exact duplicates of {len(again)} rows (in the columns read) are {fate}."
