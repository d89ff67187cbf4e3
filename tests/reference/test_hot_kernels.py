"""Every hot kernel equals its NumPy reference bit for bit: every build, any number of threads."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from feedtwin.kernels.binding import Kernels, load
from feedtwin.policies.interface import COMMUNITY
from feedtwin.schema.ids import user_at
from feedtwin.testing.dice import Dice
from feedtwin.testing.hot import HotWorld, Sizes
from feedtwin.twins.platform.feed.cards import ring_cards
from feedtwin.twins.platform.feed.retrieval import NO_ITEM
from feedtwin.twins.references import REFERENCES
from feedtwin.twins.user.preferences import TEACHES_NOTHING

BESIDE = {"auction", "lucky", "embed"}
"""Compared in `test_act_kernels.py`, on input of their own."""
HOT = sorted(set(REFERENCES) - BESIDE)
MAY_SEE = {"mutes": ("mute_key", "mute_offset"), "ages": ("minor", "restricted")}
MAY_SEE_ALL = tuple(name for pair in MAY_SEE.values() for name in pair)
ROUNDS = 16
"""Generated worlds per kernel and build; each has other sizes and parameters."""

Inputs = tuple[dict[str, np.ndarray], dict[str, Any], int]


def reference(name: str, inputs: Inputs) -> dict[str, np.ndarray]:
    arrays, scalars, rows = inputs
    arrays = {n: x.copy() for n, x in arrays.items()}
    a = SimpleNamespace(**arrays, **scalars)
    for low in range(0, rows, 100):
        REFERENCES[name](a, low, min(low + 100, rows))
    return arrays


def native(kernels: Kernels, name: str, inputs: Inputs) -> dict[str, np.ndarray]:
    arrays, scalars, rows = inputs
    arrays = {n: x.copy() for n, x in arrays.items()}
    kernels.call(name, arrays, scalars, rows, serial=name == "count")
    return arrays


def assert_same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, array in expected.items():
        same = got[name].view(np.uint8) == array.view(np.uint8)
        if not same.all():
            where = np.argwhere(got[name] != array)[:3].tolist()
            first = tuple(where[0])
            pytest.fail(f"{name} differs at {where}: {got[name][first]} is not {array[first]}")


def odd_sizes(dice: Dice) -> Sizes:
    """Sizes from one item and one slot to rings that are longer than windows."""
    users = dice.one(1, 300)
    pools = dice.one(0, 4)
    items = int(dice.pick((1, 2, 7, 40, 400)))
    categories = int(dice.pick((1, 3, 12, 17, 40)))
    followed = int(dice.pick((0, 1, 10)))
    picks = min(categories, int(dice.pick((0, 1, 3))))
    quota = int(dice.pick((0, 1, 5, 20))) if picks else 0
    return Sizes(
        users=users,
        items=items,
        categories=categories,
        creators=min(users, int(dice.pick((1, 3, 200)))),
        history=int(dice.pick((1, 5, 16, 64, 200))),
        traces=int(dice.pick((1, 6, 16))),
        slots=int(dice.pick((1, 2, 10, 30))),
        rows=dice.one(1, users + 1),
        global_pool=(1, 2, 4)[:pools],
        global_quota=(15, 3, 40)[:pools],
        category_picks=picks,
        category_quota=quota,
        followed_quota=followed if pools or quota else 10,
        followees=int(dice.pick((0, 3, 60))),
        community_quota=int(dice.pick((0, 0, 1, 12))),
        restricted=float(dice.pick((0.0, 0.3, 1.0))),
        impressions=int(dice.pick((0, 30, 500))),
        inserted=float(dice.pick((0.0, 0.0, 0.2, 1.0))),
        ring_share=float(dice.pick((0.0, 0.5, 1.0))),
    )


def odd_scalars(dice: Dice) -> dict[str, Any]:
    """Parameters at and beyond what the parameter files allow."""
    weight = dice.real(-3, 3)
    temperatures = (0.0, 0.0, 0.01, 12.5, 1000.0)
    return {
        "seed": int(dice.bits(1)[0]),
        "key_base": dice.one(0, 2**20) << 12,
        "inverse_temperature": np.float32(dice.pick(temperatures)),
        "category_sharpness": np.float32(dice.pick((0.0, 6.0, 1000.0))),
        "weight_similarity": weight,
        "weight_followed": np.float32(dice.pick((0.0, 0.2, -100.0))),
        "no_repeat": int(dice.pick((0, 1, 20, 64, 65535))),
        "creator_cap": int(dice.pick((1, 1, 2, 30))),
        "category_cap": int(dice.pick((1, 2, 5, 30))),
        "interest_min": int(dice.pick((-127, 0, 10))),
        "literal_push": dice.one(0, 2),
        "pull_rate": dice.one(0, 257),
        "push_rate": dice.one(0, 257),
        "relief": dice.one(0, 6),
        "impressions_max": int(dice.pick((1, 20, 60, 1000))),
        "energy_exit": dice.real(0, 1),
        "skip_match": dice.real(0, 20),
        "skip_noise": dice.real(0, 5),
        "watch_match": dice.real(-5, 5),
        "watch_sigma": dice.real(0, 3),
        "engage_match": dice.real(-10, 10),
        "like_quality": dice.real(-10, 10),
        "loops_max": dice.real(1, 20),
        "spacing_steps": dice.one(0, 100),
        "steps_per_day": int(dice.pick((1, 24, 96))),
        "step": int(dice.pick((0, 5, 40, 3000))),
        "consolidation_rate": np.float32(dice.pick((0.0, 0.01, 0.4))),
        "interest_tau_steps": np.float32(dice.pick((0.0, 0.01, 18.0, 100000.0))),
        "trace_tau_steps": np.float32(dice.pick((0.01, 24.0))),
        "estimate_rate": int(dice.pick((0, 1, 1311, 8192))),
        "signal_completion": dice.real(0, 2),
        "signal_skip": dice.real(-2, 0),
    }


def bend_rings(dice: Dice, arrays: dict[str, np.ndarray]) -> None:
    """Break what a search may hope for: uniform hashes, distinct hashes, distinct rows."""
    kind = dice.one(0, 4)
    if kind == 1:
        arrays["ring_hash"] >>= np.uint32(16)
    elif kind == 2:
        arrays["ring_hash"] &= np.uint32(0xC0000000)
    elif kind == 3:
        items = len(arrays["creator"])
        arrays["ring_row"] = dice.integers(0, items, len(arrays["ring_row"]), np.uint32)
        arrays["ring_cards"] = ring_cards(arrays["cards"], arrays["ring_row"])


@cache
def odd_world(seed: int) -> HotWorld:
    dice = Dice(1000 + seed)
    world = HotWorld(dice, odd_sizes(dice), odd_scalars(dice))
    bend_rings(dice, world.arrays)
    return world


@cache
def usual_world(seed: int) -> HotWorld:
    return HotWorld(Dice(seed), USUAL)


@cache
def odd_reference(name: str, seed: int) -> dict[str, np.ndarray]:
    return reference(name, odd_world(seed).inputs(name))


@cache
def usual_reference(name: str, seed: int) -> dict[str, np.ndarray]:
    return reference(name, usual_world(seed).inputs(name))


USUAL = Sizes(
    users=700, items=900, categories=12, creators=150, rows=600, impressions=60, community_quota=12,
    restricted=0.3,
)  # fmt: skip


@pytest.mark.parametrize("name", HOT)
def test_a_kernel_equals_its_reference_on_generated_worlds(name: str, kernels: Kernels) -> None:
    for seed in range(ROUNDS):
        assert_same(native(kernels, name, odd_world(seed).inputs(name)), odd_reference(name, seed))


def test_learning_skips_rows_that_teach_nothing_as_its_reference_does(kernels: Kernels) -> None:
    for seed in range(4):
        arrays, scalars, rows = HotWorld(Dice(seed), USUAL).inputs("learn")
        silent = Dice(50 + seed).bits(arrays["row"].shape) % 3 == 0
        arrays["row"][silent] = TEACHES_NOTHING
        inputs = (arrays, scalars, rows)
        assert_same(native(kernels, "learn", inputs), reference("learn", inputs))


@pytest.mark.parametrize("name", HOT)
def test_a_kernel_equals_its_reference_on_usual_worlds(name: str, kernels: Kernels) -> None:
    assert_same(native(kernels, name, usual_world(1).inputs(name)), usual_reference(name, 1))


@pytest.mark.parametrize("name", HOT)
def test_a_kernel_gives_the_same_bits_on_any_number_of_threads(name: str, libraries: Path) -> None:
    inputs = usual_world(1).inputs(name)
    alone = load("baseline", 1, libraries)
    expected = native(alone, name, inputs)
    for threads in (2, 3):
        kernels = load("baseline", threads, libraries)
        assert_same(native(kernels, name, inputs), expected)
        kernels.close()
    alone.close()
    assert_same(expected, usual_reference(name, 1))


def test_serving_with_and_without_cards_is_the_same(kernels: Kernels) -> None:
    for seed, sizes in enumerate((USUAL, replace(USUAL, inserted=0.1, slots=3))):
        arrays, scalars, rows = HotWorld(Dice(seed), sizes).inputs("serve")
        expected = native(kernels, "serve", (arrays, scalars, rows))
        for name in ("ring_cards", "cards"):
            del arrays[name], expected[name]
            assert_same(native(kernels, "serve", (arrays, scalars, rows)), expected)


PER_REQUEST = (
    "user", "request", "insert_row", "candidate", "candidate_pool", "score", "row", "item",
    "slot_score", "propensity", "pool", "stage_out", "meeting", "inserted", "served_count",
    "flags", "watch_ms", "completion", "reached_count", "change", "exit_cause", "tally",
)  # fmt: skip


@pytest.mark.parametrize("name", HOT)
def test_the_order_of_requests_changes_nothing(name: str, kernels: Kernels) -> None:
    arrays, scalars, rows = usual_world(1).inputs(name)
    order = np.argsort(Dice(4).bits(rows))
    shuffled = {n: x[order] if n in PER_REQUEST else x for n, x in arrays.items()}
    expected = native(kernels, name, (arrays, scalars, rows))
    got = native(kernels, name, (shuffled, scalars, rows))
    assert_same(got, {n: x[order] if n in PER_REQUEST else x for n, x in expected.items()})


def test_the_order_of_candidates_changes_no_slate(kernels: Kernels) -> None:
    world = HotWorld(Dice(5), replace(USUAL, inserted=0.1))
    a = world.arrays
    distinct = np.argsort(Dice(6).bits((USUAL.rows, USUAL.items)), axis=1)[
        :, : a["candidate"].shape[1]
    ]
    a["candidate"] = np.where(a["candidate"] == NO_ITEM, NO_ITEM, distinct).astype(np.uint32)
    arrays, scalars, rows = world.inputs("select")
    order = np.argsort(Dice(7).bits(arrays["candidate"].shape), axis=1)
    shuffled = dict(arrays)
    for name in ("candidate", "candidate_pool", "score"):
        shuffled[name] = np.take_along_axis(arrays[name], order, axis=1)
    expected = native(kernels, "select", (arrays, scalars, rows))
    got = native(kernels, "select", (shuffled, scalars, rows))
    for name in ("candidate", "candidate_pool", "score"):
        del got[name], expected[name]
    assert_same(got, expected)


def test_ties_go_to_the_smallest_item_id(kernels: Kernels) -> None:
    world = HotWorld(
        Dice(8),
        USUAL,
        {
            "inverse_temperature": np.float32(0.0),
            "creator_cap": 30,
            "category_cap": 30,
            "no_repeat": 0,
        },
    )
    world.arrays["score"][:] = np.where(
        Dice(9).bits(world.arrays["score"].shape) % 2 == 0, 0.0, -0.0
    )
    inputs = world.inputs("select")
    out = native(kernels, "select", inputs)
    assert_same(out, reference("select", inputs))
    for row in range(0, USUAL.rows, 50):
        served = out["served_count"][row]
        items = out["item"][row, :served]
        assert (items[1:] >= items[:-1]).all()


@pytest.mark.parametrize("name", ["retrieve", "serve"])
@pytest.mark.parametrize("left_out", [("mutes",), ("ages",), ("mutes", "ages")], ids="+".join)
def test_restrictions_that_a_world_lacks_may_be_left_out(
    name: str, left_out: tuple[str, ...], kernels: Kernels
) -> None:
    arrays, scalars, rows = usual_world(1).inputs(name)
    for part in left_out:
        for array in MAY_SEE[part]:
            del arrays[array]
    inputs = (arrays, scalars, rows)
    expected = reference(name, inputs)
    assert_same(native(kernels, name, inputs), expected)
    column = "candidate" if name == "retrieve" else "row"
    assert not np.array_equal(expected[column], usual_reference(name, 1)[column])


@pytest.mark.parametrize("name", ["retrieve", "serve"])
@pytest.mark.parametrize("half", ["mute_key", "mute_offset", "minor", "restricted"])
def test_half_of_a_restriction_is_refused(name: str, half: str, kernels: Kernels) -> None:
    arrays, scalars, rows = usual_world(1).inputs(name)
    del arrays[half]
    with pytest.raises(ValueError, match="contradict"):
        kernels.call(name, arrays, scalars, rows)


def with_own_rings(name: str, seed: int) -> Inputs:
    """A generated world whose requests have a ring of their own each, as lists have."""
    arrays, scalars, rows = odd_world(seed).inputs(name)
    dice, rings = Dice(seed + 900), len(arrays["ring_offset"]) - 1
    quota = dice.one(1, 30)
    arrays |= {
        "own_ring": dice.integers(0, rings, rows), "own_pool": dice.integers(0, 9, rows, np.uint32),
        "global_pool": np.zeros(1, np.int64), "global_quota": np.array([quota], np.int64),
    }  # fmt: skip
    arrays.pop("ring_cards", None)
    scalars |= dict.fromkeys(
        ("categories_count", "category_picks", "category_quota", "followed_quota",
         "community_quota"), 0,
    )  # fmt: skip
    if name == "retrieve":
        arrays["candidate"] = np.zeros((rows, quota), np.uint32)
        arrays["candidate_pool"] = np.zeros((rows, quota), np.uint8)
    return arrays, scalars, rows


@pytest.mark.parametrize("name", ["retrieve", "serve"])
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_request_may_have_a_ring_of_its_own(name: str, seed: int, kernels: Kernels) -> None:
    inputs = with_own_rings(name, seed)
    assert_same(native(kernels, name, inputs), reference(name, inputs))
    if name == "retrieve":
        arrays = native(kernels, name, inputs)
        begin = arrays["ring_offset"][arrays["own_ring"]]
        end = arrays["ring_offset"][arrays["own_ring"] + 1]
        for lane, row in enumerate(arrays["candidate"]):
            ring = arrays["ring_row"][begin[lane] : end[lane]]
            assert set(row[row != NO_ITEM].tolist()) <= set(ring.tolist())
        assert (arrays["candidate_pool"] == arrays["own_pool"][:, None]).all()


@pytest.mark.parametrize("half", ["own_ring", "own_pool"])
def test_half_of_an_own_ring_is_refused(half: str, kernels: Kernels) -> None:
    arrays, scalars, rows = with_own_rings("serve", 3)
    del arrays[half]
    with pytest.raises(ValueError, match="contradict"):
        kernels.call("serve", arrays, scalars, rows)


def test_a_candidate_is_one_that_the_user_may_see(kernels: Kernels) -> None:
    arrays = native(kernels, "retrieve", usual_world(1).inputs("retrieve"))
    mutes = set(arrays["mute_key"].tolist())
    free = {n: x for n, x in usual_world(1).inputs("retrieve")[0].items() if n not in MAY_SEE_ALL}
    _, scalars, rows = usual_world(1).inputs("retrieve")
    unfiltered = native(kernels, "retrieve", (free, scalars, rows))["candidate"]
    dropped = {"muted": 0, "gated": 0}
    for lane, user in enumerate(arrays["user"].tolist()):
        kept = set(arrays["candidate"][lane].tolist()) - {int(NO_ITEM)}
        for row in set(unfiltered[lane].tolist()) - {int(NO_ITEM)}:
            muted = (user << 32 | int(arrays["creator"][row])) in mutes
            gated = arrays["minor"][user] == 1 and arrays["restricted"][row] == 1
            dropped["muted"] += muted
            dropped["gated"] += gated
            assert (row in kept) == (not muted and not gated)
    assert min(dropped.values()) > 100


def test_a_community_window_holds_what_followees_of_followees_show(kernels: Kernels) -> None:
    inputs = usual_world(1).inputs("retrieve")
    a = native(kernels, "retrieve", inputs)
    people = user_at(a["follow_hash"])
    found = 0
    for lane, user in enumerate(a["user"].tolist()):
        own = people[a["follow_offset"][user] : a["follow_offset"][user + 1]]
        further = [people[a["follow_offset"][f] : a["follow_offset"][f + 1]] for f in own]
        shown = set(a["latest_row"][np.concatenate([own[:0], *further])].tolist())
        community = a["candidate"][lane][a["candidate_pool"][lane] == COMMUNITY].tolist()
        assert len(community) == USUAL.community_quota
        assert set(community) - {int(NO_ITEM)} <= shown
        found += sum(row != NO_ITEM for row in community)
    assert found > 500


def test_contradicting_arguments_are_refused_before_anything_is_written(kernels: Kernels) -> None:
    arrays, scalars, rows = HotWorld(Dice(10), USUAL).inputs("retrieve")
    before = arrays["candidate"].copy()
    with pytest.raises(ValueError, match="contradict"):
        kernels.call("retrieve", arrays, {**scalars, "category_quota": 19}, rows)
    assert np.array_equal(arrays["candidate"], before)
    with pytest.raises(ValueError, match="category_picks is 65, expected 0 to 64"):
        kernels.call("retrieve", arrays, {**scalars, "category_picks": 65}, rows)
