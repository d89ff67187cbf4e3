"""Trace one impression: execute the run again up to its slate, and say why everything about it came out so.

The world is restored from the nearest snapshot and executed with kernels that look on (`watching.py`), so
every number is the one that was computed with. The outcome is compared with the log, where the run keeps one.
"""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from feedtwin.bus import Published
from feedtwin.errors import DeterminismError, SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.record.reader import Run
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import Stage
from feedtwin.schema.events import EVENTS
from feedtwin.world import snapshot
from feedtwin.world.explaining import explain_encounter, explain_estimate, explain_learning
from feedtwin.world.explaining_fitted import explain_fitted
from feedtwin.world.impressions import (
    Impression,
    logged_impression,
    pool_name,
    step_of,
    unknown_impression,
)
from feedtwin.world.replay import segments_of, start_step_of
from feedtwin.world.running import restore
from feedtwin.world.segments import advance, enter
from feedtwin.world.sources import naming_sources
from feedtwin.world.watching import Watching
from feedtwin.world.world import World

Section = dict[str, Any]


@dataclass
class Trace:
    """Everything about one impression; sections are plain mappings, ready for JSON.

    Attributes:
        impression: Whose, which, when, of what.
        user: Who the user is: what drives the encounter.
        video: What the video is, and what the platform knew of it when it was served.
        request: Temperature and all candidates with pools, scores, terms, draws and fates, the best key first.
        slate: What was served, slot by slot, with propensities.
        encounter: Stages with their terms, odds and draws, or `behaviour` where a policy decided instead; None of a slot
            that was not reached.
        learning: What the user, and what the platform learned; None of a slot that was not reached.
        events: What was published because of it, and whose handlers took it, in order.
        checked: What the recomputed outcome was compared with.
        notes: What the reader should know: a policy whose source file is another one, a damaged snapshot.
    """

    impression: Section
    user: Section = field(default_factory=dict)
    video: Section = field(default_factory=dict)
    request: Section = field(default_factory=dict)
    slate: list[Section] = field(default_factory=list)
    encounter: Section | None = None
    learning: Section | None = None
    events: list[Section] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def trace(path: Path, wanted: Impression, kernels: Kernels) -> Trace:
    """Trace an impression of a run.

    Args:
        path: The run folder; finished or not, with or without its events.
        wanted: Which impression.
        kernels: The kernels to execute with.

    Raises:
        SettingsError: The run has no such impression; names the nearest one.
        DeterminismError: Execution does not give what the journal or the log has.
        RunFolderError: There is no run at `path`.
    """
    run = Run.open(path)
    if run.last_step < start_step_of(run):
        raise SettingsError(
            f"{path}: the run has no committed step yet, so there is no impression to trace; go on with it: "
            f"feedtwin resume {path}"
        )
    look = _Look(wanted)
    watching = Watching(kernels, wanted.user, look)
    segments = segments_of(run)
    after = _step_before(run, wanted)
    world, notes = restore(path, segments, watching, after, run.commits.get)
    if wanted.user >= len(world.users.table):
        raise unknown_impression(run, wanted, len(world.users.table) - 1)
    watched = _Recorder(wanted, world, watching)
    with naming_sources(path, segments):
        while world.step_count <= run.last_step and not watched.slate:
            world = enter(world, segments, watching)
            watched = _Recorder(wanted, world, watching)
            world.recorder = watched
            world = advance(world, segments, watching, world.step_count + 1, run.commits.get)
        if wanted.slot >= len(watched.slate):
            raise unknown_impression(run, wanted, len(world.users.table) - 1)
        found = _assemble(run, wanted, look, watched)
    found.notes += notes
    return found


def _step_before(run: Run, wanted: Impression) -> int:
    """The last step before the request, or one that is known to lie before it."""
    start = start_step_of(run)
    if run.has_events:
        return step_of(run, wanted) - 1
    folder = run.path / "snapshots"
    for step in reversed([one for one in snapshot.steps(folder) if one <= run.last_step]):
        made = snapshot.load(snapshot_file(folder, step))[0]["user.request"]
        if wanted.user < len(made) and int(made[wanted.user]) <= wanted.request:
            return max(step, start - 1)
    return start - 1


def snapshot_file(folder: Path, step: int) -> Path:
    """Return where the snapshot of a step lies."""
    return folder / f"{step}{snapshot.SUFFIX}"


class _Look:
    """Explains the calls of the watched request as they are about to be made."""

    def __init__(self, wanted: Impression) -> None:
        self._slot = wanted.slot
        self.encounter: Section = {}
        self.learning: Section = {}

    def __call__(self, name: str, a: SimpleNamespace) -> None:
        """Take the arguments of one call, cut to the request."""
        if name in ("encounter", "encounter_fitted"):
            explain = explain_encounter if name == "encounter" else explain_fitted
            if self._slot < int(a.served_count[0]):
                self.encounter = explain(a, self._slot)
            return
        if not self.encounter:  # no kernel met the slate: a behaviour of somebody's own did
            reached = self._slot < int(a.reached_count[0])
            self.encounter = {"reached": reached, "behaviour": True}
        if not self.encounter["reached"]:
            return
        if name == "learn":
            self.learning |= explain_learning(a, self._slot)
        else:
            self.learning["platform"] = explain_estimate(a, self._slot)


class _Recorder:
    """Keeps what is published about the impression in its step, and what twins were like before."""

    def __init__(self, wanted: Impression, world: World, watching: Watching) -> None:
        self._wanted, self._world, self._watching = wanted, world, watching
        self.candidates: list[Section] = []
        self.slate: list[Section] = []
        self.events: list[Section] = []
        self.user: Section = {}
        self.video: Section = {}
        self.outcome: Section = {}
        self.step = world.step_count
        self.temperature = float(world.platform.levers.temperature)
        self._item = 0
        self._is_open, self._is_over = False, False

    def __call__(self, published: Published) -> None:
        """Take a batch before it is delivered."""
        batch = published.batch
        for flat in batch.logged():
            if flat.event == "IMPRESSION_SERVED" and self._is_open and not self._is_over:
                self.slate = self._served(flat)
            at = self._ours(flat)
            if not len(at):
                continue
            if flat.event == "FEED_REQUESTED":
                self.user = _person(self._world, self._wanted.user)
                self.candidates = self._world.platform.explain(flat, int(at[0]))
                self._watching.arm()
            if flat.event == "IMPRESSION_SERVED" and len(at) == 1:
                self._item = int(flat.columns["item"][at[0]])
                self.video = _video(self._world, self._item, self.step)
            rows = [{n: c[k].item() for n, c in flat.columns.items()} for k in at]
            self._keep_outcome(flat.event, rows)
            self.events.append(
                {
                    "event": flat.event,
                    "phase": published.phase,
                    "round": published.round,
                    "rows": rows,
                    "handlers": self._handlers(batch),
                }
            )

    def _ours(self, flat: EventBatch) -> np.ndarray:
        """Rows of a batch that belong to the impression, its request or its session."""
        wanted, columns = self._wanted, flat.columns
        if "user" not in columns or not flat.rows:
            return np.zeros(0, np.int64)
        mine = columns["user"] == np.uint32(wanted.user)
        if flat.event == "FEED_REQUESTED":
            self._is_over |= bool((mine & (columns["request"] > np.uint32(wanted.request))).any())
            ours = mine & (columns["request"] == np.uint32(wanted.request))
            self._is_open |= bool(ours.any())
            return np.nonzero(ours)[0]
        if not self._is_open:
            is_before = flat.event == "SESSION_STARTED"
            return np.nonzero(mine)[0] if is_before else np.zeros(0, np.int64)
        if "request" in columns:
            mine = mine & (columns["request"] == np.uint32(wanted.request))
            if "slot" in columns:
                mine = mine & (columns["slot"] == np.uint8(wanted.slot))
        elif "item" in columns:
            mine = mine & (columns["item"] == np.uint64(self._item)) & bool(self._item)
        elif self._is_over:
            return np.zeros(0, np.int64)
        return np.nonzero(mine)[0]

    def _served(self, served: EventBatch) -> list[Section]:
        """The slots of the request, as published."""
        columns = served.columns
        mine = (columns["user"] == np.uint32(self._wanted.user)) & (
            columns["request"] == np.uint32(self._wanted.request)
        )
        return [
            {name: column[k].item() for name, column in columns.items()}
            for k in np.nonzero(mine)[0]
        ] or self.slate

    def _keep_outcome(self, event: str, rows: list[Section]) -> None:
        if event in ("IMPRESSION_SERVED", "VIDEO_WATCHED", "VIDEO_SKIPPED", "VIDEO_ENGAGED"):
            self.outcome[event] = rows

    def _handlers(self, batch: Any) -> list[str]:
        """Names of the twins, and of their parts, whose handlers take a batch, in order."""
        names = []
        for twin in batch.consumers:
            for k, part in enumerate(self._world.twins[twin].parts):
                if hasattr(part, batch.handler):
                    own = f".{part.name}" if k else ""
                    names.append(f"{twin}{own}.{batch.handler}")
        return names


def _person(world: World, user: int) -> Section:
    """Who the user is just before the request; true traits, which no platform sees."""
    table = world.users.table
    names = (
        "tier", "persona", "attention_span_s", "like_logit", "share_logit", "comment_logit", "follow_logit",
        "stamina_s", "patience", "energy", "boredom", "satisfaction", "session_impressions",
    )  # fmt: skip
    return {name: getattr(table, name)[user].item() for name in names}


def _video(world: World, item: int, step: int) -> Section:
    """What the video is, what the platform knew of it at the request, and what only the world knows."""
    row = int(world.content.rows_of(np.array([item], np.uint64))[0])
    items, catalogue = world.content.table, world.platform.catalogue
    known = ("impressions", "skips", "likes", "shares", "comments", "completions")
    hidden = ("hook_strength", "quality", "virality", "completion_prior", "toxicity")
    return {
        "item": item,
        "caption": world.content.captions(np.array([row]))[0].text,
        "category": world.content.categories.names[int(items.category[row])],
        "hashtags": [int(tag) for tag in items.hashtags[row] if tag],
        "duration_s": float(items.duration_s[row]),
        "age_steps": step - int(items.created_step[row]),
        "stage": Stage(int(catalogue.stage[row])).name,
        "velocity": float(catalogue.velocity[row]),
        **{name: int(getattr(items, name)[row]) for name in known},
        "hidden": {name: float(getattr(items, name)[row]) for name in hidden},
    }


def _assemble(run: Run, wanted: Impression, look: _Look, watched: _Recorder) -> Trace:
    _check_slate(run.path, watched.candidates, watched.slate)
    checked = ["candidates, scores and draws give the slate that was served, propensities included"]
    reached = bool(look.encounter.get("reached"))
    if reached and "hook" in look.encounter:
        checked.append("the stages of the encounter give the outcome that was published")
    if run.has_events:
        _check_log(run, wanted, watched.outcome)
        checked.append("what was published is what the log has")
    checked.append("the digests of the steps executed are those of the journal")
    keyed = [one for one in watched.candidates if one["key"] is not None]
    inserted = [one for one in watched.candidates if one["key"] is None]
    return Trace(
        impression={
            "user": wanted.user,
            "request": wanted.request,
            "slot": wanted.slot,
            "step": watched.step,
            "item": watched.slate[wanted.slot]["item"],
            "reached": reached,
            "served": len(watched.slate),
        },
        user=watched.user,
        video=watched.video,
        request={
            "temperature": watched.temperature,
            "candidates": [*inserted, *sorted(keyed, key=lambda one: (-one["key"], one["item"]))],
        },
        slate=[{**one, "pool": pool_name(one["pool"])} for one in watched.slate],
        encounter=look.encounter if reached else None,
        learning=look.learning if reached else None,
        events=watched.events,
        checked=checked,
    )


def _check_slate(path: Path, candidates: list[Section], slate: list[Section]) -> None:
    """Hold the explanation of a slate to the slate."""
    shown = {one["slot"]: one for one in candidates if one["slot"] is not None}
    ours = [(slot, shown[slot]["item"], shown[slot]["propensity"]) for slot in sorted(shown)]
    theirs = [(one["slot"], one["item"], one["propensity"]) for one in slate]
    if ours != theirs:
        raise DeterminismError(
            f"{path}: trace: the candidates explain the slate (slot, item, propensity) {ours}, the step served "
            f"{theirs}; expected the same. The platform's `explain` does not know this serving"
        )


def _check_log(run: Run, wanted: Impression, outcome: dict[str, list[Section]]) -> None:
    """Compare what re-execution published about the impression with the logged rows."""
    logged = logged_impression(run, wanted)
    for event in logged:
        for then, now in zip(logged[event], outcome.get(event, []), strict=False):
            for name in (one.name for one in EVENTS[event].fields[1:]):
                if then[name] != now[name]:
                    raise DeterminismError(
                        f"{run.path}/events/{event}: user {wanted.user}, request {wanted.request}, slot "
                        f"{wanted.slot}: the log has {name} {then[name]}, re-execution gives {now[name]}"
                    )
        if len(logged[event]) != len(outcome.get(event, [])):
            raise DeterminismError(
                f"{run.path}/events/{event}: user {wanted.user}, request {wanted.request}, slot {wanted.slot}: "
                f"the log has {len(logged[event])} rows, re-execution gives {len(outcome.get(event, []))}"
            )
