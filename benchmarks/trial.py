"""One simulated world reduced to the outcomes that the statistical benchmarks compare.

Top-level functions over plain values, so that a spawned process can run them.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np
from paired import gini

from feedtwin.bus import Published
from feedtwin.kernels.binding import load
from feedtwin.schema.batches import Outcomes, slot_mask
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build
from feedtwin.world.world import World

Job = TypeVar("Job")
Result = TypeVar("Result")
ROOMY = {"synthetic": ("population.videos_per_user=5",)}
"""Small worlds get a catalogue that people do not exhaust: a feed does not repeat itself for 768 videos."""
_USER_BITS, _CREATOR_BITS, _ORDINAL_BITS = 24, 24, 16


@dataclass(frozen=True)
class Spec:
    """Which world to run, for how long."""

    world: str
    users: int | None
    steps: int
    seed: int
    replicate: int
    sets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What a world came to.

    Attributes:
        watch_s: Mean watch time per impression, s.
        session_s: Mean watch time per session, s.
        user_hours: Watch time per user, h.
        view_gini: Gini index of impressions over all public videos.
        user_watch_s: Watch time of each user, s, (U,).
        pairs: Keys of the (user, video) pairs that met, sorted, (P,) uint64.
    """

    watch_s: float
    session_s: float
    user_hours: float
    skip_rate: float
    impressions: int
    view_gini: float
    user_watch_s: np.ndarray
    pairs: np.ndarray


@dataclass
class Watcher:
    """Collects outcomes as they are published."""

    users: int
    watch_ms: np.ndarray = field(init=False)
    pairs: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch_ms = np.zeros(self.users, np.int64)

    def __call__(self, published: Published) -> None:
        """Add a batch of outcomes."""
        batch = published.batch
        if not isinstance(batch, Outcomes):
            return
        self.watch_ms[batch.user] += batch.watch_ms.sum(axis=1, dtype=np.int64)
        reached = slot_mask(batch.reached_count, batch.item.shape[1])
        user = np.broadcast_to(batch.user[:, None], reached.shape)[reached]
        self.pairs.append(pair_keys(user, batch.item[reached]))


def pair_keys(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Return one uint64 per (user, item id): 24 bits of user, 24 of creator, 16 of upload ordinal.

    Raises:
        ValueError: An id does not fit.
    """
    user, item = user.astype(np.uint64), item.astype(np.uint64)
    creator, ordinal = item >> np.uint64(32), item & np.uint64(0xFFFFFFFF)
    limits = ((user, _USER_BITS), (creator, _CREATOR_BITS), (ordinal, _ORDINAL_BITS))
    for values, bits in limits:
        if len(values) and int(values.max()) >> bits:
            raise ValueError(f"id {int(values.max())} needs more than {bits} bits")
    creator_at, user_at = np.uint64(_ORDINAL_BITS), np.uint64(_ORDINAL_BITS + _CREATOR_BITS)
    return (user << user_at) | (creator << creator_at) | ordinal


def make(spec: Spec) -> World:
    """Build the world of a spec on one thread."""
    settings = resolve(
        spec.world, users=spec.users, seed=spec.seed, replicate=spec.replicate, sets=spec.sets
    )
    return build(settings, load("auto", 1))


def run(spec: Spec) -> Summary:
    """Build and run a world."""
    return finish(make(spec), spec.steps)


def finish(world: World, steps: int) -> Summary:
    """Run a world and summarise it."""
    watcher = Watcher(len(world.users.table))
    world.recorder = watcher
    for _ in range(steps):
        world.step()
    total = world.platform.telemetry.as_dict()
    met, sessions = max(total["impressions"], 1), max(total["sessions"], 1)
    people = int(np.count_nonzero(world.users.table.activity > 0))
    items = world.content.table
    pairs = np.concatenate(watcher.pairs) if watcher.pairs else np.zeros(0, np.uint64)
    return Summary(
        watch_s=total["watch_ms"] / met / 1000,
        session_s=total["watch_ms"] / sessions / 1000,
        user_hours=total["watch_ms"] / max(people, 1) / 3_600_000,
        skip_rate=total["skips"] / met,
        impressions=met,
        view_gini=gini(items.impressions[items.is_public == 1]),
        user_watch_s=watcher.watch_ms / 1000,
        pairs=np.unique(pairs),
    )


def each(
    function: Callable[[Job], Result], jobs: Sequence[Job], workers: int, note: str = ""
) -> list[Result]:
    """Apply a top-level function to jobs in spawned processes; results are in the jobs' order."""
    if workers <= 1:
        return list(_said((function(job) for job in jobs), len(jobs), note))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(_said(pool.map(function, jobs), len(jobs), note))


def _said(results: Iterable[Result], total: int, note: str) -> Iterable[Result]:
    for done, result in enumerate(results, 1):
        if note and (done % 10 == 0 or done == total):
            print(f"{note}: {done} of {total}", flush=True)
        yield result


def column(results: Sequence[Any], name: str) -> np.ndarray:
    """Return one field of every result, float64 (R,)."""
    return np.array([getattr(result, name) for result in results], np.float64)
