"""Random small worlds: whatever is set, the books balance at every step.

A failing world is printed as the command that runs it again.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import load
from feedtwin.policies.interface import LEVERS, REGISTRIES
from feedtwin.schema.parameters import load_defaults
from feedtwin.schema.settings import resolve
from feedtwin.testing.books import Auditor
from feedtwin.world.build import build
from feedtwin.world.counsel import ASKED_BY_LEVERS

SMALL = {
    "population.tier_shares": [0.04, 0.08, 0.18, 0.7], "user.uploads_per_day": [9, 4, 1, 0],
    "user.impressions_max": 14, "user.sessions_per_day": 12.0, "recommendation.slate_size": 5,
    "recommendation.category_picks": 2, "recommendation.interest_quota": 12,
    "recommendation.trending_quota": 4, "recommendation.recent_quota": 4,
    "recommendation.followed_quota": 4, "platform.seen_size": 64, "platform.no_repeat": 10,
    "promotion.initial_audience": 4, "promotion.expanded_audience": 12, "promotion.velocity_gate": 4,
    "promotion.completion_gate": 0.05, "promotion.viral_steps": 3,
}  # fmt: skip
FIXED = (
    "kuairand_fit.", "archetypes.", "personas.", "population.", "platform.seen_size", "calibration.",
)  # fmt: skip
"""What shapes the columns or a fit is not varied."""
NEEDS_A_LOG = "fitted"
"""A choice that a world without a log refuses."""
NUMBERS = [
    row["path"]
    for row in load_defaults().rows()
    if isinstance(row["value"], int | float)
    and not isinstance(row["value"], bool)
    and row["bounds"] is not None
    and not str(row["path"]).startswith(FIXED)
]
CHOICES = {
    row["path"]: [one for one in row["choices"] if one != NEEDS_A_LOG]
    for row in load_defaults().rows()
    if row["choices"] is not None and not str(row["path"]).startswith(FIXED)
}
STEPS = 6


def _scaled(path: str, factor: float) -> object:
    """A parameter's small or default value times `factor`, within its bounds, of its type."""
    row = next(one for one in load_defaults().rows() if one["path"] == path)
    value, (low, high) = SMALL.get(path, row["value"]), row["bounds"]
    scaled = min(max(value * factor, low), high)
    return round(scaled) if isinstance(row["value"], int) else float(scaled)


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, object]:
    """Settings of a small world: some numbers halved to doubled, other choices, other policies."""
    sets: dict[str, object] = dict(SMALL)
    for path in draw(st.lists(st.sampled_from(NUMBERS), max_size=8, unique=True)):
        sets[path] = _scaled(path, draw(st.sampled_from([0.0, 0.5, 0.8, 1.25, 2.0])))
    for path in draw(st.lists(st.sampled_from(sorted(CHOICES)), max_size=3, unique=True)):
        sets[path] = draw(st.sampled_from(CHOICES[path]))
    for lever in LEVERS:
        name = draw(st.sampled_from(REGISTRIES[lever].names()))
        sets[f"policies.{lever}"] = name
        if lever in ASKED_BY_LEVERS:
            source = "surrogate" if name == "llm" else "off"
            sets[f"llm.{ASKED_BY_LEVERS[lever]}.source"] = source
    for task in ("persona", "caption", "comment", "decision"):
        sets[f"llm.{task}.source"] = draw(st.sampled_from(["off", "surrogate"]))
        sets[f"llm.{task}.cohort"] = draw(st.sampled_from(["all", "elite", "0-19", "30%"]))
    return {"sets": sets, "seed": draw(st.integers(0, 2**32 - 1)), "users": draw(st.integers(2, 70)),
            "world": draw(st.sampled_from(["synthetic", "everything"]))}  # fmt: skip


def audit(shape: dict[str, object]) -> None:
    """Run a world and hold its books to account after every step."""
    sets = [f"{path}={value}" for path, value in shape["sets"].items()]
    words = " ".join(f"--set '{text}'" for text in sets)
    command = (
        f"feedtwin run {shape['world']} --users {shape['users']} --seed {shape['seed']} "
        f"--steps {STEPS} {words}"
    )
    settings = resolve(shape["world"], users=shape["users"], seed=shape["seed"], sets=sets)
    try:
        world = build(settings, load("auto"))
    except SettingsError as error:  # so few people that a cohort has none of them
        assert "nobody would be asked about" in str(error), command
        return
    auditor = Auditor(world)
    for step in range(STEPS):
        world.step()
        problems = auditor.problems()
        assert not problems, f"step {step}: {problems}\nagain: {command}"


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_the_books_of_random_worlds_balance(shape):
    audit(shape)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_the_books_of_a_thousand_random_worlds_balance(shape):
    audit(shape)


def test_the_audit_sees_a_wrong_count():
    world = build(resolve("synthetic", users=60, seed=3), load("auto"))
    auditor = Auditor(world)
    world.step()
    assert auditor.problems() == []
    with world.content.writing():
        world.content._columns.impressions[0] += 1
    with world.users.writing():
        world.users._columns.follower_count[1] += 1
        world.users._columns.energy[2] = float("nan")
    found = " ".join(auditor.problems())
    assert "impressions" in found and "follower_count" in found and "not finite" in found
