"""The skip's intercept: solved for a target, exactly, and only where it is asked for."""

import numpy as np
import pytest

from feedtwin.kernels.binding import load
from feedtwin.numerics import logistic32
from feedtwin.schema.settings import resolve
from feedtwin.twins.interaction.calibrating import (
    GRID,
    Meeting,
    cosines,
    mean_skip,
    skip_logits,
    solve_intercept,
)
from feedtwin.world.build import build


def world(*sets, users=600, name="synthetic", seed=11, **options):
    return build(resolve(name, users=users, seed=seed, sets=sets, **options), load("auto"))


def predicted(made, count=60_000):
    """Mean chance of a skip over pairs that the solver did not see (every 7th user, every 11th video)."""
    users, items = made.users.table, made.content.table
    who = np.arange(count) * 7 % len(users)
    what = (np.arange(count) * 11 + np.arange(count) // len(items)) % len(items)
    numbers = made.interaction.config.scalars()
    vectors, factor = made.content.match_vectors
    met = Meeting(
        cosines(users.interests[who], vectors[what], factor[what]),
        items.hook_strength[what],
        users.attention_span_s[who],
        made.content.categories.traits[items.category[what]],
    )
    return mean_skip(skip_logits(met, numbers), float(numbers["skip_intercept"]))


@pytest.mark.parametrize("source", ["compact", "fused"])
@pytest.mark.parametrize("target", [0.2, 0.49])
def test_the_mean_skip_is_within_a_hundredth_of_its_target(target, source):
    made = world(f"interaction.skip_target={target}", f"interaction.match_source={source}")
    assert predicted(made) == pytest.approx(target, abs=0.01)
    assert any("skip_intercept solved" in note for note in made.notes)


def test_the_printed_equation_skips_more_often_than_not():
    """Acceptance 4: with positive coefficients and 1 / hook >= 1 the argument is positive (spec 1.10 #1)."""
    made = world(preset="paper_literal")
    assert made.interaction.config.skip_intercept == 0.0
    assert predicted(made) > 0.5


def test_impressions_skip_as_predicted_where_feeds_are_random():
    """The kernel against the solver: the first slot of every slate, some 4,000 random impressions.

    Those who open the app more often are met more often, hence the tolerance beyond sampling error.
    """
    made = world(
        "policies.recommendation=random", "policies.promotion=none", "user.sessions_per_day=20",
        "recommendation.slate_size=1", "user.impressions_max=1", "interaction.skip_target=0.4",
        "user.return_satisfaction=0", "user.activity_sigma=0", users=2000,
    )  # fmt: skip
    for _ in range(3):
        made.step()
    totals = made.platform.telemetry.as_dict()
    assert totals["impressions"] > 2000
    error = (0.24 / totals["impressions"]) ** 0.5
    assert totals["skips"] / totals["impressions"] == pytest.approx(0.4, abs=0.01 + 3 * error)


def test_the_intercept_as_given_stays_and_so_do_worlds_that_set_it():
    made = world("interaction.skip_intercept_from=parameter", "interaction.skip_intercept=-0.3")
    assert made.interaction.config.skip_intercept == pytest.approx(-0.3)
    real = world(name="kuairand-sample", users=60)
    assert real.interaction.config.skip_intercept == pytest.approx(-0.7)


def test_what_is_appended_to_a_world_changes_no_intercept():
    more = {"users": [{"activity": 9.0, "attention_span_s": 0.1}], "videos": [
        {"creator": 5, "ordinal": 900, "is_public": 1}]}  # fmt: skip
    alone, together = world(users=60), world(users=60, append=more)
    assert len(together.users.table) == 61
    assert alone.interaction.config.skip_intercept == together.interaction.config.skip_intercept


def test_a_higher_target_needs_a_higher_intercept_and_the_mean_rises_with_it():
    logit = (np.arange(4000, dtype=np.float32) / 1000 - 2).reshape(500, 8)
    found = [solve_intercept(logit, target) for target in (0.1, 0.3, 0.5, 0.9)]
    assert found == sorted(found) and len(set(found)) == 4
    for target, intercept in zip((0.1, 0.3, 0.5, 0.9), found, strict=True):
        assert mean_skip(logit, intercept) >= target > mean_skip(logit, intercept - 1 / GRID)


def test_the_mean_is_that_of_the_logistic():
    logit = (np.arange(800, dtype=np.float32) / 100 - 4).reshape(100, 8)
    assert mean_skip(logit, 0.25) == pytest.approx(
        float(logistic32(logit + np.float32(0.25)).astype(float).mean()), abs=1e-6
    )


def test_a_world_without_videos_keeps_the_intercept_and_says_so():
    made = world("population.videos_per_user=0", users=50)
    assert made.interaction.config.skip_intercept == -0.55
    assert any("skip_intercept as set" in note for note in made.notes)
