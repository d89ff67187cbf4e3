"""Reads what agents did on OASIS and returns it as scripted actions.

OASIS writes every action into the table `trace` of its SQLite database: user_id, created_at, action, and
info, a JSON object. A CSV file with these four columns reads the same. Its posts, comments and groups are
numbered over all users; here their ids are their authors', so they are counted anew, author by author.
What has no counterpart is left out and counted, never guessed.
"""

import csv
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from feedtwin.errors import DataError, SchemaError
from feedtwin.schema.actions import ACTIONS, OASIS_ALIASES, action
from feedtwin.schema.ids import POST_ORDINAL
from feedtwin.schema.script import LOOP_ONLY

COLUMNS = ("user_id", "created_at", "action", "info")
OWNER_SHIFT = 4

LEFT_OUT = {
    **LOOP_ONLY,
    "SIGNUP": "the users of a world are there from its start",
    "SEARCH_POSTS": "free text has no counterpart among queries",
    "UPDATE_REC_TABLE": "the platform does so at every step",
    "PURCHASE_PRODUCT": "products of another catalogue",
}
"""Actions that are not carried over, and why."""


@dataclass(frozen=True)
class Row:
    """One row of a trace, read and checked."""

    where: str
    user: int
    minutes: float
    dated: bool
    action: str
    info: Mapping[str, Any]


@dataclass
class Imported:
    """A trace as scripted actions.

    Attributes:
        script: Entries as `resolve(script=...)` takes them, in the order of the trace.
        left_out: Rows that were not carried over, by action.
    """

    script: list[dict[str, Any]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read_trace(path: str | Path, minutes_per_step: float = 60.0) -> Imported:
    """Read an OASIS database (.db, .sqlite) or a trace saved as CSV.

    Args:
        path: The file.
        minutes_per_step: Minutes of OASIS's clock that make one step here. Times may be whole numbers, the
            time steps of OASIS, counted as minutes, or dates, counted from the first one.

    Raises:
        DataError: The file is missing or no trace, or a row does not hold what its action needs; the
            message names file, row and column.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected an OASIS database or a CSV of its trace")
    found = _from_csv(path) if path.suffix.lower() == ".csv" else _from_database(path)
    return _Import(found.tables, minutes_per_step).of(found.rows)


@dataclass(frozen=True)
class _Source:
    rows: list[Row]
    tables: Mapping[str, Mapping[int, int]]
    """What info leaves out, where the file has it: followee by follow id, post by comment id."""


def _from_csv(path: Path) -> _Source:
    try:
        lines = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not readable as CSV in UTF-8: {error}") from None
    missing = [name for name in COLUMNS if lines and name not in lines[0]]
    if missing or not lines:
        raise DataError(
            f"{path}: has no {f'column {missing[0]!r}' if missing else 'rows'}; expected a first line with "
            f"{', '.join(COLUMNS)}, and rows below it"
        )
    rows = [_row(one, f"{path}, line {place}") for place, one in enumerate(lines, 2)]
    return _Source(_in_time(rows), {})


def _from_database(path: Path) -> _Source:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = [
            _row(dict(zip(COLUMNS, values, strict=True)), f"{path}, table trace, row {place}")
            for place, values in enumerate(
                connection.execute(f"SELECT {', '.join(COLUMNS)} FROM trace ORDER BY rowid"), 1
            )
        ]
        tables = {
            "followee": _pairs(connection, "follow", "follow_id", "followee_id"),
            "post": _pairs(connection, "comment", "comment_id", "post_id"),
        }
    except sqlite3.DatabaseError as error:
        raise DataError(
            f"{path}: not an OASIS database ({error}); expected a table trace with columns "
            f"{', '.join(COLUMNS)}"
        ) from None
    finally:
        connection.close()
    return _Source(_in_time(rows), tables)


def _pairs(connection: sqlite3.Connection, table: str, key: str, value: str) -> Mapping[int, int]:
    """Two columns of a table as a mapping; empty where the database has no such table."""
    known = connection.execute("SELECT name FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    if known is None:
        return {}
    return dict(connection.execute(f"SELECT {key}, {value} FROM {table}"))


def _row(values: Mapping[str, Any], where: str) -> Row:
    try:
        name = action(str(values["action"]).strip()).name
    except SchemaError as error:
        raise DataError(f"{where}, column action: {error}") from None
    user = _whole(values["user_id"], f"{where}, column user_id")
    try:
        info = json.loads(values["info"] or "{}")
    except (TypeError, json.JSONDecodeError) as error:
        raise DataError(f"{where}, column info: not JSON: {error}") from None
    if not isinstance(info, dict):
        raise DataError(f"{where}, column info: found {info!r}, expected a JSON object")
    minutes, dated = _minutes(values["created_at"], f"{where}, column created_at")
    return Row(where, user, minutes, dated, name, info)


def _whole(value: object, where: str) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise DataError(f"{where}: found {value!r}, expected a whole number") from None
    if not 0 <= number < 2**32:
        raise DataError(f"{where}: found {number}, expected 0 to {2**32 - 1}")
    return number


def _minutes(value: object, where: str) -> tuple[float, bool]:
    """Minutes, and whether they count from the calendar's start or are time steps as they stand."""
    text = str(value).strip()
    try:
        ticks = float(text)
    except ValueError:
        ticks = -1.0
    if 0.0 <= ticks < float("inf"):
        return ticks, False
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(
            f"{where}: found {value!r}, expected a time step or a date such as 2026-01-31 12:00:00"
        ) from None
    days = 24 * 60.0 * moment.toordinal()
    return days + 60.0 * moment.hour + moment.minute + moment.second / 60.0, True


def _in_time(rows: list[Row]) -> list[Row]:
    for row in rows:
        if row.dated != rows[0].dated:
            raise DataError(
                f"{row.where}, column created_at: a date among time steps, or the other way round; expected "
                "one kind in a trace"
            )
    return sorted(rows, key=lambda row: row.minutes)  # stable: the trace's order within a moment


@dataclass
class _Made:
    """A post, comment or group of the trace: who made it, and when and as which it comes to be here."""

    owner: int
    step: int
    action: str
    nth: int = 0


class _Import:
    """Turns rows into entries; numbers what users make once all steps are known."""

    def __init__(self, tables: Mapping[str, Mapping[int, int]], minutes_per_step: float) -> None:
        self._tables = tables
        self._per_step = minutes_per_step
        self._made: dict[tuple[str, int], _Made] = {}

    def of(self, rows: list[Row]) -> Imported:
        """Return the entries of all rows that have a counterpart."""
        out = Imported()
        start = rows[0].minutes if rows and rows[0].dated else 0.0
        drafts = []
        for row in rows:
            if row.action in LEFT_OUT:
                out.left_out[row.action] += 1
                continue
            drafts.append(self._draft(row, int((row.minutes - start) // self._per_step)))
        self._count()
        out.script = [self._finished(draft) for draft in drafts]
        return out

    def _draft(self, row: Row, step: int) -> dict[str, Any]:
        """An entry whose ids are still the trace's."""
        entry: dict[str, Any] = {"action": row.action, "user": row.user}
        for name, read in _READERS.get(row.action, {}).items():
            entry[name] = read(row, self._tables)
        for name in ("item", "group"):
            if isinstance(entry.get(name), tuple):
                step = max(step, self._ready(entry[name], row))
        entry["step"] = step
        made = _MAKES.get(row.action)
        if made is not None:
            kind, key = made
            number = _number(row, key)
            self._made[kind, number] = _Made(row.user, step, row.action)
        return entry

    def _ready(self, thing: tuple[str, int], row: Row) -> int:
        """The first step at which something that the trace made can be acted on.

        Actions of a step are executed in the order of their numbers, so that what is made later in that
        order can be acted on only in the next step.
        """
        made = self._made.get(thing)
        if made is None:
            raise DataError(
                f"{row.where}: {row.action} of {thing[0]} {thing[1]}, which no row before it made; expected "
                "the trace from its beginning"
            )
        later = ACTIONS[made.action].number >= ACTIONS[row.action].number
        return made.step + 1 if later else made.step

    def _count(self) -> None:
        """Number what each user makes in the order in which the world will make it."""
        order = sorted(
            self._made.items(), key=lambda one: (one[1].step, ACTIONS[one[1].action].number)
        )
        seen: Counter[tuple[str, int]] = Counter()
        for (kind, _), made in order:
            family = "group" if kind == "group" else "post"
            made.nth = seen[family, made.owner]
            seen[family, made.owner] += 1

    def _finished(self, draft: dict[str, Any]) -> dict[str, Any]:
        for name in ("item", "group"):
            if isinstance(draft.get(name), tuple):
                made = self._made[draft[name]]
                draft[name] = (
                    (made.owner << OWNER_SHIFT) + made.nth + 1
                    if name == "group"
                    else made.owner << 32 | int(POST_ORDINAL) | made.nth
                )
        return draft


Read = Callable[[Row, Mapping[str, Mapping[int, int]]], Any]


def _number(row: Row, key: str) -> int:
    if key not in row.info:
        raise DataError(
            f"{row.where}, column info: {row.action} needs {key!r}, found {sorted(row.info)}"
        )
    return _whole(row.info[key], f"{row.where}, column info, {key}")


def _post(key: str) -> Read:
    return lambda row, tables: ("post", _number(row, key))


def _comment(row: Row, tables: Mapping[str, Mapping[int, int]]) -> tuple[str, int]:
    return "comment", _number(row, "comment_id")


def _commented(row: Row, tables: Mapping[str, Mapping[int, int]]) -> tuple[str, int]:
    """The post that a comment is on: named in info, or in the table `comment`."""
    if "post_id" in row.info:
        return "post", _number(row, "post_id")
    comment = _number(row, "comment_id")
    if comment not in tables.get("post", {}):
        raise DataError(
            f"{row.where}: comment {comment} is on a post that neither info (post_id) nor a table comment "
            "names; read the database instead of a CSV, or add post_id to info"
        )
    return "post", tables["post"][comment]


def _followee(row: Row, tables: Mapping[str, Mapping[int, int]]) -> int:
    """Who is followed: named in info, or in the table `follow`."""
    if "followee_id" in row.info:
        return _number(row, "followee_id")
    follow = _number(row, "follow_id")
    if follow not in tables.get("followee", {}):
        raise DataError(
            f"{row.where}: follow {follow} is of somebody whom neither info (followee_id) nor a table follow "
            "names; read the database instead of a CSV, or add followee_id to info"
        )
    return tables["followee"][follow]


def _group(row: Row, tables: Mapping[str, Mapping[int, int]]) -> tuple[str, int]:
    return "group", _number(row, "group_id")


def _text(key: str) -> Read:
    """A 32-bit id of the text, the same for equal texts; 0 where the row holds none."""

    def read(row: Row, tables: Mapping[str, Mapping[int, int]]) -> int:
        if key not in row.info:
            return 0
        digest = hashlib.sha256(str(row.info[key]).encode()).digest()
        return int.from_bytes(digest[:4], "little") or 1

    return read


def _target(key: str) -> Read:
    return lambda row, tables: _number(row, key)


def _readers() -> Iterator[tuple[str, dict[str, Read]]]:
    for name in "LIKE_POST UNLIKE_POST DISLIKE_POST UNDO_DISLIKE_POST REPORT_POST".split():
        yield name, {"item": _post("post_id")}
    for name in "LIKE_COMMENT UNLIKE_COMMENT DISLIKE_COMMENT UNDO_DISLIKE_COMMENT".split():
        yield name, {"item": _comment}
    yield "CREATE_POST", {"text": _text("content")}
    yield "CREATE_COMMENT", {"item": _commented, "text": _text("content")}
    yield "REPOST", {"item": _post("reposted_id")}
    yield "QUOTE_POST", {"item": _post("quoted_id"), "text": _text("quote_content")}
    yield "FOLLOW", {"target": _followee}
    yield "UNFOLLOW", {"target": _target("followee_id")}
    yield "MUTE", {"target": _target("mutee_id")}
    yield "UNMUTE", {"target": _target("mutee_id")}
    yield "INTERVIEW", {"text": _text("prompt")}
    yield "CREATE_GROUP", {"text": _text("group_name")}
    yield "JOIN_GROUP", {"group": _group}
    yield "LEAVE_GROUP", {"group": _group}
    yield "LISTEN_FROM_GROUP", {"group": _group}
    yield "SEND_TO_GROUP", {"group": _group, "text": _text("content")}


_READERS: Mapping[str, dict[str, Read]] = dict(_readers())
"""How the payload of each action is read from a row, beside its user and step."""
_MAKES: Mapping[str, tuple[str, str]] = {
    "CREATE_POST": ("post", "post_id"),
    "REPOST": ("post", "new_post_id"),
    "QUOTE_POST": ("post", "new_post_id"),
    "CREATE_COMMENT": ("comment", "comment_id"),
    "CREATE_GROUP": ("group", "group_id"),
}
"""What actions make: its kind, and the key of its number in info."""


def carried_over() -> dict[str, str]:
    """Return every OASIS action and what becomes of it: our name, or why it is left out."""
    return {oasis: LEFT_OUT.get(ours, ours) for oasis, ours in OASIS_ALIASES.items()}
