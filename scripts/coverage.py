"""Runs a world and prints how often each of the 48 actions was executed and each of the 23 events happened.

python scripts/coverage.py                              everything, 10,000 users, 168 steps
python scripts/coverage.py --world mine.yaml --steps 24 --users 500

Exits with status 1 if an action of users, or an event that needs no language model, never happened; actions
of the platform and of researchers, and events that only a language model causes, are shown all the same.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from feedtwin.bus import Published
from feedtwin.errors import FeedtwinError
from feedtwin.kernels.binding import load
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.batches import Outcomes
from feedtwin.schema.codes import FeedKind, VideoOrigin
from feedtwin.schema.events import EVENTS
from feedtwin.schema.settings import resolve
from feedtwin.session import COMMENT, LIKE, SHARE, SKIP
from feedtwin.world.build import build
from feedtwin.world.world import World

OF_A_MODEL = ("LLM_TIER_CHANGED", "BUDGET_EXCEEDED")
"""Events that only happen where a language model answers."""
_LISTS = {FeedKind.FEED: "REFRESH", FeedKind.SEARCH: "SEARCH_POSTS", FeedKind.TREND: "TREND"}
_REMIXES = {VideoOrigin.DUET: "DUET_VIDEO", VideoOrigin.STITCH: "STITCH_VIDEO"}
_FLAGS = {LIKE: "LIKE_VIDEO", SHARE: "SHARE_VIDEO", COMMENT: "COMMENT_VIDEO", SKIP: "SKIP_VIDEO"}


class Tally:
    """Counts what a world publishes; the actions of the session loop are read off their events."""

    def __init__(self, world: World) -> None:
        self.events: Counter[str] = Counter()
        self.actions: Counter[str] = Counter()
        self._world = world
        world.recorder = self.add

    def add(self, published: Published) -> None:
        """Count one batch."""
        batch = published.batch
        if isinstance(batch, Outcomes):
            for flat in batch.logged():
                self.events[flat.event] += flat.rows
            self._met(batch)
            return
        self.events[batch.event] += batch.rows
        if batch.event == "FEED_REQUESTED":
            for kind, action in _LISTS.items():
                self.actions[action] += int((batch.kind == kind).sum())
        elif batch.event == "VIDEO_CREATED":
            self.actions["CREATE_VIDEO"] += int((batch.origin == VideoOrigin.ORIGINAL).sum())
            for origin, action in _REMIXES.items():
                self.actions[action] += int((batch.origin == origin).sum())
        elif batch.event == "SESSION_ENDED":
            self.actions["EXIT"] += batch.rows
        elif batch.event == "SESSION_STARTED":
            self.actions["DO_NOTHING"] += len(self._world.users.table) - batch.rows

    def _met(self, met: Outcomes) -> None:
        for bit, action in _FLAGS.items():
            self.actions[action] += int(((met.flags & bit) != 0).sum())
        skipped = int(((met.flags & SKIP) != 0).sum())
        self.actions["WATCH_VIDEO"] += met.rows - skipped

    def counts(self, steps: int) -> dict[str, int]:
        """Return how often each action was executed; what ends a step's loop is counted by the world."""
        self.actions["UPDATE_REC_TABLE"] = steps
        return {name: max(self.actions[name], self._world.executed[name]) for name in ACTIONS}


def main(words: Sequence[str] | None = None) -> int:
    """Run, print, and say by the status whether anything is missing."""
    options = _options(words)
    settings = resolve(options.world, users=options.users, seed=options.seed, sets=options.set)
    world = build(settings, load("auto", options.threads))
    tally = Tally(world)
    for _ in range(options.steps):
        world.step()
    actions = tally.counts(options.steps)
    print(
        f"{options.world}: {int((world.users.table.member == 1).sum()):,} people, {options.steps} steps\n"
    )
    print(f"{'action':<22}{'actor':<12}{'executed':>14}")
    for action in ACTIONS.values():
        print(f"{action.name:<22}{action.actor:<12}{actions[action.name]:>14,}")
    print(f"\n{'event':<28}{'rows':>14}")
    for name in EVENTS:
        print(f"{name:<28}{tally.events[name]:>14,}")
    missing = [
        action.name
        for action in ACTIONS.values()
        if action.actor in ("user", "creator") and not actions[action.name]
    ]
    missing += [name for name in EVENTS if name not in OF_A_MODEL and not tally.events[name]]
    print(f"\nnever happened: {', '.join(missing) or 'none that should have'}")
    return 1 if missing else 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--world", default="everything", help="name, or path of a .yaml file")
    ask.add_argument("--users", type=int, default=10_000)
    ask.add_argument("--steps", type=int, default=168)
    ask.add_argument("--seed", type=int, default=7)
    ask.add_argument("--threads", type=int, default=2)
    ask.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    return ask.parse_args(words)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FeedtwinError as error:
        sys.exit(str(error))
