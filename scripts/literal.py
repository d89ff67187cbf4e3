"""Writes docs/concepts/literal.md: what each printed mechanism does, and what the repaired one does, measured.

    python scripts/literal.py                runs the worlds (some minutes) and writes the page
    python scripts/literal.py --quick        tiny worlds, two replicates: whether it works, not what comes out
    python scripts/literal.py --out FILE     writes somewhere else

Each row compares two settings that differ in one conflict of the specification (1.10) and share all chance.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy import stats

from feedtwin.bus import Published
from feedtwin.kernels.binding import Kernels, load
from feedtwin.lab.metrics.entropy import entropy_bits
from feedtwin.lab.metrics.shares import gini
from feedtwin.schema.batches import Outcomes
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build
from feedtwin.world.world import World

PAGE = Path(__file__).resolve().parents[1] / "docs" / "concepts" / "literal.md"
SEED = 31
PAIRS = 4000


@dataclass(frozen=True)
class Size:
    """How large and how often."""

    users: int
    steps: int
    replicates: int


FULL, QUICK = Size(500, 24, 10), Size(60, 4, 2)


@dataclass(frozen=True)
class Seen:
    """A world that has run, and what was logged about skips."""

    world: World
    affinity_at_start: float
    watched_or_skipped_rows: int

    def total(self, name: str) -> int:
        return self.world.platform.telemetry.as_dict()[name]

    def ratio(self, above: str, below: str) -> float:
        return self.total(above) / max(self.total(below), 1)


Measure = Callable[[Seen], float]


@dataclass(frozen=True)
class Row:
    """One measurement of one conflict: the same measure in two arms, or two measures in one.

    Attributes:
        what: What is measured, with its unit.
        measure: Measures the printed arm.
        repaired: Measures the repaired arm, where that is another number.
        users: Users of both arms relative to the others' (1 where it does not matter).
    """

    what: str
    measure: Measure
    repaired: Measure | None = None
    users: float = 1.0


@dataclass(frozen=True)
class Conflict:
    """A row of spec 1.10 that has a mechanism.

    Attributes:
        number: Its number there.
        title: The problem in a few words.
        printed: `--set` texts that give the printed mechanism.
        rows: What is measured; nothing where the resolution is a separation of parts.
        reading: What the numbers say.
        base: `--set` texts of the repaired arm, beyond the defaults.
        arms: What the two columns are called.
    """

    number: int
    title: str
    printed: tuple[str, ...]
    rows: tuple[Row, ...]
    reading: str
    base: tuple[str, ...] = ()
    arms: tuple[str, str] = ("printed", "repaired")


def affinity_of_match(world: World) -> float:
    """Correlation over random pairs of the match of an encounter with the user's long-term affinity."""
    users, items = world.users.table, world.content.table
    k = np.arange(PAIRS)
    user, row = k * 7919 % len(users), k * 104729 % len(items)
    taste = users.taste[user].astype(np.float64)
    true = cosines(taste, items.vector[row])
    vectors, _ = world.content.match_vectors
    return correlation(true, cosines(users.interests[user].astype(np.float64), vectors[row]))


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    b = b.astype(np.float64)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return (a * b).sum(axis=1) / np.maximum(size, 1e-12)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size else 0.0


def distinct_codes(seen: Seen) -> float:
    """How many of the categories have a code vector of their own."""
    return float(len(np.unique(seen.world.content.categories.vectors, axis=0)))


def spread_of_taste(seen: Seen) -> float:
    """Mean standard deviation of a dimension of taste between people."""
    taste = seen.world.users.table.taste / 32512
    return round(float((taste - taste[0]).std(axis=0).mean()), 9)


def negative_interests(seen: Seen) -> float:
    """Share of interests below 0."""
    return float((seen.world.users.table.interests < 0).mean())


def interests_like_taste(seen: Seen) -> float:
    """Mean cosine between a person's short-term interests and long-term taste."""
    users = seen.world.users.table
    return float(cosines(users.interests.astype(np.float64), users.taste).mean())


def test_impressions(seen: Seen) -> float:
    """Mean impressions of videos uploaded in the run."""
    items = seen.world.content.table
    new = items.created_step >= 0
    return float(items.impressions[new].mean()) if new.any() else 0.0


def views(seen: Seen) -> np.ndarray:
    items = seen.world.content.table
    return items.impressions.astype(np.int64) - items.skips


def gini_of_videos(seen: Seen) -> float:
    return gini(views(seen)) or 0.0


def gini_of_creators(seen: Seen) -> float:
    items = seen.world.content.table
    sums = np.bincount(items.creator, views(seen), minlength=len(seen.world.users.table))
    return gini(sums[np.unique(items.creator)]) or 0.0


def gini_of_accounts(seen: Seen) -> float:
    items = seen.world.content.table
    return gini(np.bincount(items.creator, views(seen), minlength=len(seen.world.users.table))) or 0


def tag_entropy(weight: Callable[[Seen], np.ndarray]) -> Measure:
    def measure(seen: Seen) -> float:
        tags = seen.world.content.table.hashtags
        sums = np.zeros(int(tags.max()) + 1, np.int64)
        np.add.at(sums, tags, weight(seen)[:, None])
        return entropy_bits(sums[1:]) or 0.0

    return measure


def once(seen: Seen) -> np.ndarray:
    return np.ones(len(seen.world.content.table), np.int64)


def shown(seen: Seen) -> np.ndarray:
    return seen.world.content.table.impressions.astype(np.int64)


def viral_per_thousand(seen: Seen) -> float:
    return 1000 * seen.total("viral") / len(seen.world.users.table)


def session_sd(seen: Seen) -> float:
    n, total = max(seen.total("sessions"), 1), seen.total("session_impressions")
    return float(np.sqrt(max(seen.total("session_impressions_square") / n - (total / n) ** 2, 0)))


SKIP = Row("mean skip rate", lambda seen: seen.ratio("skips", "impressions"))
WATCH_S = Row("watch time, s", lambda seen: seen.ratio("watch_ms", "impressions") / 1000)
CONFLICTS = (
    Conflict(
        1, "Equation (1) of the skip has no intercept and no centred terms",
        ("interaction.skip_intercept_from=parameter", "interaction.skip_intercept=0",
         "interaction.hook_centre=0", "interaction.span_centre=0", "interaction.skip_match=0"),
        (SKIP, WATCH_S),
        "As printed every term is positive, so most videos are skipped whatever they are.",
    ),
    Conflict(
        2, "12 archetypes share 10 dimensions",
        ("content.category_code=fold",),
        (Row("categories with a code of their own", distinct_codes), WATCH_S),
        "Folded, two pairs of archetypes cannot be told apart by any recommender.",
    ),
    Conflict(
        3, "Learned interests are matched with seeded noise",
        ("interaction.match_source=embedding_slice", "content.embedding_signal=0"),
        (Row("correlation of match with true affinity, at the start",
             lambda seen: seen.affinity_at_start),
         Row("the same after a day of moods", lambda seen: affinity_of_match(seen.world)), WATCH_S),
        "Against noise, what a person likes and what holds them have nothing to do with each other.",
    ),
    Conflict(
        4, "Interests begin at 0.1 everywhere although personas set them",
        ("population.persona_use=none",),
        (Row("spread of taste between people", spread_of_taste), WATCH_S),
        "Without personas everybody is the same person at the start, and no feed can be personal.",
    ),
    Conflict(
        5, "The first audience is 100 in the text, 200 to 500 in the appendix",
        ("preset=paper_appendix",),
        (Row("mean impressions of a new video", test_impressions),
         Row("view Gini of videos", gini_of_videos)),
        "Three numbers, two presets: how much a new video is shown follows from the choice, and so does who is seen.",
        base=("preset=paper_text",),
        arms=("appendix", "text"),
    ),
    Conflict(
        6, "Interests are pushed away without a bound, and never fade",
        ("user.push_form=literal", "user.interest_tau_steps=0", "user.consolidation_rate=0"),
        (Row("share of interests below 0", negative_interests),
         Row("cosine of interests with taste", interests_like_taste)),
        "As printed, a day of skips leaves aversions that were never there, and taste is forgotten.",
    ),
    Conflict(
        7, "VIDEO_WATCHED carries is_skipped although VIDEO_SKIPPED exists",
        ("interaction.skip_events=both",),
        (Row("outcome events per impression",
             lambda seen: seen.watched_or_skipped_rows / max(seen.total("impressions"), 1)),),
        "Counting both events counts skips twice.",
    ),
    Conflict(
        12, "Governance only measures in section 3.1 and controls in section 4.2",
        ("policies.governance=none", "trends.track=always"),
        (),
        "Two parts, so there is no number to repair: trackers of trends and cascades change nothing by themselves, and "
        "what acts is the controller that `policies.governance` chooses, `none` by default.",
        base=("policies.governance=proactive",),
        arms=("sensors", "sensors and controller"),
    ),
    Conflict(
        18, "Hashtag entropy is measured on what is uploaded",
        ("policies.recommendation=popularity",),
        (Row("entropy as uploaded, bits", tag_entropy(once)),
         Row("entropy as shown, bits", tag_entropy(shown))),
        "Between two feeds that could hardly differ more the printed metric (as uploaded) cannot move; weighted "
        "by exposure it does.",
        base=("policies.recommendation=random",),
        arms=("feed by popularity", "random feed"),
    ),
    Conflict(
        20, "The population of the view Gini is not defined",
        (),
        (Row("against the Gini of videos", gini_of_accounts, gini_of_videos),
         Row("against the Gini of creators", gini_of_accounts, gini_of_creators)),
        "One world, three numbers: where most people never post, a Gini over all accounts is near 1.",
        arms=("Gini of all accounts", "the other one"),
    ),
    Conflict(
        21, "Session length 21.00 without variance looks like a cap",
        ("user.impressions_max=21", "user.stamina_s=100000", "user.patience_low=255",
         "user.patience_high=255"),
        (Row("session length, impressions",
             lambda seen: seen.ratio("session_impressions", "sessions")),
         Row("its standard deviation", session_sd),
         Row("share of sessions that end at the cap",
             lambda seen: seen.ratio("exits_cap", "sessions"))),
        "A cap gives the printed number and no information; a run with more than 95 % such exits warns.",
    ),
    Conflict(
        24, "Gates in events per hour, whatever the population",
        ("promotion.gates=absolute",),
        (Row("videos gone viral per 1,000 users", viral_per_thousand),
         Row("the same with four times the users", viral_per_thousand, users=4.0)),
        "An absolute gate stays shut in a small world and opens wider with every user more; a rate opens in both.",
    ),
    Conflict(
        0, "All at once",
        ("preset=paper_literal",),
        (SKIP, WATCH_S,
         Row("likes per impression", lambda seen: seen.ratio("likes", "impressions")),
         Row("session length, impressions",
             lambda seen: seen.ratio("session_impressions", "sessions")),
         Row("view Gini of videos", gini_of_videos)),
        "What the preset changes together, beside the conflicts that have a switch of their own.",
    ),
)  # fmt: skip


def main(words: Sequence[str]) -> None:
    """Run the worlds and write the page."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--quick", action="store_true", help="tiny worlds, two replicates")
    ask.add_argument("--out", type=Path, default=PAGE)
    options = ask.parse_args(words)
    size = QUICK if options.quick else FULL
    text = "\n".join(page(size, load("auto", 2))) + "\n"
    options.out.write_text(text, "utf-8")
    print(f"wrote {options.out}")


def page(size: Size, kernels: Kernels) -> Iterator[str]:
    """Yield the page line by line."""
    worlds = SimpleNamespace(of=cache(lambda *key: _run(size, kernels, *key)))
    yield "# The published mechanisms, as printed and as repaired\n"
    yield "<!-- Generated by `python scripts/literal.py`; edit that, not this page. -->\n"
    yield (
        "The main paper contradicts itself or leaves things open in places (specification 1.10). Each conflict that "
        "has a mechanism can be switched: by the parameters named below, or most of them at once by "
        "`--preset paper_literal`. The repaired mechanism is the default.\n"
    )
    yield (
        f"World `synthetic`, uncalibrated defaults, {size.users} users, {size.steps} steps, "
        f"{size.replicates} replicates (people and chance redrawn by replicate, shared by the two arms). Means "
        "over replicates; the difference is the first column less the second, with its 95 % Student interval over pairs.\n"
    )
    for conflict in CONFLICTS:
        number = f"{conflict.number}. " if conflict.number else ""
        yield f"## {number}{conflict.title}\n"
        for arm, sets in zip(conflict.arms, (conflict.printed, conflict.base), strict=True):
            if sets:
                yield f"{arm.capitalize()}: {' '.join(f'`{text}`' for text in sets)}\n"
        if conflict.rows:
            yield f"| measured | {conflict.arms[0]} | {conflict.arms[1]} | difference, 95 % interval |"
            yield "| --- | ---: | ---: | ---: |"
            for row in conflict.rows:
                print(f"{conflict.number}: {row.what}", flush=True)
                yield _line(row, *_values(conflict, row, size, worlds.of))
            yield ""
        yield f"{conflict.reading}\n"


def _values(
    conflict: Conflict, row: Row, size: Size, worlds: Callable[..., Seen]
) -> tuple[np.ndarray, np.ndarray]:
    """The measure in both arms, replicate by replicate."""
    pairs = [
        (
            row.measure(worlds(conflict.printed or conflict.base, row.users, replicate)),
            (row.repaired or row.measure)(worlds(conflict.base, row.users, replicate)),
        )
        for replicate in range(size.replicates)
    ]
    printed, repaired = (np.asarray(column, float) for column in zip(*pairs, strict=True))
    return printed, repaired


def _line(row: Row, printed: np.ndarray, repaired: np.ndarray) -> str:
    gap = printed - repaired
    half = float(stats.t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap)))
    mean = float(gap.mean())
    return (
        f"| {row.what} | {printed.mean():.4g} | {repaired.mean():.4g} | "
        f"{mean:+.3g} [{mean - half:+.3g}, {mean + half:+.3g}] |"
    )


def _run(size: Size, kernels: Kernels, sets: tuple[str, ...], scale: float, replicate: int) -> Seen:
    settings = resolve(
        "synthetic", users=round(size.users * scale), seed=SEED, replicate=replicate, sets=sets
    )
    world = build(settings, kernels)
    rows = 0

    def count(published: Published) -> None:
        nonlocal rows
        if isinstance(published.batch, Outcomes):
            logged = list(published.batch.logged())
            rows += sum(one.rows for one in logged if one.event != "VIDEO_ENGAGED")

    affinity = affinity_of_match(world)
    world.recorder = count
    for _ in range(size.steps):
        world.step()
    return Seen(world, affinity, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
