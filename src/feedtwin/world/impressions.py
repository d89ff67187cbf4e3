"""Finding impressions: what a user met, where an impression lies, and what is near one that does not exist."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from feedtwin.bus import Published
from feedtwin.errors import FeedtwinError, SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.policies.interface import POOL_NAMES
from feedtwin.record.reader import Run
from feedtwin.world.replay import segments_of, start_step_of
from feedtwin.world.segments import advance, begin
from feedtwin.world.sources import naming_sources

Row = dict[str, Any]
_TEXT: Final = re.compile(r"(\d+):(\d+):(\d+)")
_INSERTED: Final = 255
_OUTCOMES: Final = ("VIDEO_WATCHED", "VIDEO_SKIPPED", "VIDEO_ENGAGED")


@dataclass(frozen=True)
class Impression:
    """One slot of one request of one user."""

    user: int
    request: int
    slot: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `USER:REQUEST:SLOT`.

        Raises:
            SettingsError: The text is not of that form, or a number is too large for an id.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise SettingsError(
                f"--impression {text!r}: expected USER:REQUEST:SLOT, three whole numbers from 0, as in 17:3:0"
            )
        user, request, slot = (int(part) for part in found.groups())
        if max(user, request) >= 2**32 or slot >= 2**8:
            raise SettingsError(
                f"--impression {text!r}: expected a user and a request below 2^32 and a slot below 256"
            )
        return cls(user, request, slot)

    def __str__(self) -> str:
        """Return `USER:REQUEST:SLOT`."""
        return f"{self.user}:{self.request}:{self.slot}"


def pool_name(code: int) -> str:
    """Return what a pool is called; policies of one's own may have others, by number."""
    if code == _INSERTED:
        return "inserted"
    return POOL_NAMES[code] if code < len(POOL_NAMES) else f"pool {code}"


def step_of(run: Run, wanted: Impression) -> int:
    """Return the step in which a logged impression was served.

    Raises:
        SettingsError: The log has no such impression; names the nearest.
    """
    rows = run.sql(
        f'SELECT step FROM impression_served WHERE "user" = {wanted.user} '
        f"AND request = {wanted.request} AND slot = {wanted.slot}"
    ).to_pylist()
    if not rows:
        raise unknown_impression(run, wanted)
    return int(rows[0]["step"])


def unknown_impression(run: Run, wanted: Impression, last_user: int | None = None) -> FeedtwinError:
    """Return the error for an impression that a run does not have, with the nearest that it has."""
    start = start_step_of(run)
    hint = (
        f"; its record begins at step {start}: look in the run it was forked from" if start else ""
    )
    if run.has_events:
        rows = run.sql(
            'SELECT "user", request, slot FROM impression_served ORDER BY '
            f'abs("user"::BIGINT - {wanted.user}), abs(request::BIGINT - {wanted.request}), '
            f'abs(slot::BIGINT - {wanted.slot}), "user", request, slot LIMIT 1'
        ).to_pylist()
        near = f"; the nearest is {Impression(**rows[0])}" if rows else "; it has none at all"
    elif last_user is not None and wanted.user > last_user:
        near = f"; its users are 0 to {last_user}"
    else:
        near = f"; feedtwin trace {run.path} --user {wanted.user} lists those of the user"
    return SettingsError(
        f"{run.path}: no impression {wanted} (USER:REQUEST:SLOT) up to step {run.last_step}{near}{hint}"
    )


def _nothing_met(run: Run, user: int) -> FeedtwinError:
    """Return the error for a user who was shown nothing, with the nearest who was."""
    start = start_step_of(run)
    who = f"user {user} was shown nothing in steps {start} to {run.last_step}"
    if "users" in run.table_names:
        people = run.sql('SELECT max("user") AS last FROM users WHERE member > 0').to_pylist()[0]
        if user > people["last"]:
            who = f"there is no user {user}: users are 0 to {people['last']}"
    near = ""
    if run.has_events:
        met = run.sql(
            'SELECT DISTINCT "user" FROM impression_served '
            f'ORDER BY abs("user"::BIGINT - {user}), "user" LIMIT 1'
        ).to_pylist()
        near = f"the nearest is {met[0]['user']}" if met else "nobody was"
    hint = (
        f"; look for earlier steps in the run it was forked from (before {start})" if start else ""
    )
    return SettingsError(
        f"{run.path}: {who}; expected somebody who opened a session there{near and f': {near}'}{hint}"
    )


def logged_impression(run: Run, wanted: Impression) -> dict[str, list[Row]]:
    """Return the logged rows of an impression by event, in the order of publication."""
    where = f'"user" = {wanted.user} AND request = {wanted.request} AND slot = {wanted.slot}'
    found = {}
    for event in ("IMPRESSION_SERVED", *_OUTCOMES):
        order = "ORDER BY engagement" if event == "VIDEO_ENGAGED" else ""
        found[event] = run.sql(f"SELECT * FROM {event.lower()} WHERE {where} {order}").to_pylist()
    return found


def impressions_of(path: Path, user: int, kernels: Kernels) -> list[Row]:
    """Return every impression of a user: step, request, slot, item, pool, and how it came out.

    From the log, or by executing the run again where it keeps none. A slot that was not reached has
    `outcome` "not reached".

    Raises:
        SettingsError: The user met nothing in this run.
    """
    run = Run.open(path)
    rows = _from_log(run, user) if run.has_events else _by_execution(run, user, kernels)
    if not rows:
        raise _nothing_met(run, user)
    engaged: dict[tuple[int, int], list[int]] = {}
    for row in rows["VIDEO_ENGAGED"]:
        engaged.setdefault((row["request"], row["slot"]), []).append(row["engagement"])
    outcome = {
        (row["request"], row["slot"]): (row, event)
        for event in ("VIDEO_WATCHED", "VIDEO_SKIPPED")
        for row in rows[event]
    }
    return [_listed(row, outcome, engaged) for row in rows["IMPRESSION_SERVED"]]


def _listed(
    row: Row,
    outcome: dict[tuple[int, int], tuple[Row, str]],
    engaged: dict[tuple[int, int], list[int]],
) -> Row:
    place = row["request"], row["slot"]
    met, event = outcome.get(place, ({}, ""))
    return {
        **{name: row[name] for name in ("step", "request", "slot", "item", "pool", "propensity")},
        "outcome": {"VIDEO_WATCHED": "watched", "VIDEO_SKIPPED": "skipped"}.get(
            event, "not reached"
        ),
        "watch_ms": met.get("watch_ms", 0),
        "engagements": engaged.get(place, []),
    }


def _from_log(run: Run, user: int) -> dict[str, list[Row]]:
    found = {
        event: run.sql(
            f'SELECT * FROM {event.lower()} WHERE "user" = {user} ORDER BY request, slot'
        ).to_pylist()
        for event in ("IMPRESSION_SERVED", *_OUTCOMES)
    }
    return found if found["IMPRESSION_SERVED"] else {}


def _by_execution(run: Run, user: int, kernels: Kernels) -> dict[str, list[Row]]:
    segments = segments_of(run)
    found: dict[str, list[Row]] = {event: [] for event in ("IMPRESSION_SERVED", *_OUTCOMES)}
    world = advance(begin(segments, kernels), segments, kernels, start_step_of(run))

    def record(published: Published) -> None:
        for flat in published.batch.logged():
            if flat.event in found:
                for k in np.nonzero(flat.columns["user"] == np.uint32(user))[0]:
                    row = {name: column[k].item() for name, column in flat.columns.items()}
                    found[flat.event].append({"step": flat.step, **row})

    world.recorder = record
    with naming_sources(run.path, segments):
        advance(world, segments, kernels, run.last_step + 1, run.commits.get)
    return found if found["IMPRESSION_SERVED"] else {}
