"""Every persona template behaves as docs/concepts/people.md says, against the mixed population."""

import numpy as np
import pytest

from feedtwin.schema.settings import resolve

pytestmark = pytest.mark.slow

REPLICATES = 8
SETS = ("reactions.report_rate=0.2", "interaction.skip_intercept_from=parameter")
"""A solved intercept would give every population the same mean skip (decision 0019)."""
NAMES = resolve("synthetic").section("personas")["names"]
SIGNATURES = {
    "hypebeast": "likes+ shares+ sessions+ length- dance+",
    "critic": "likes- boredom+ reports+ tech+",
    "comedy_fan": "shares+ sessions+ boredom- comedy+",
    "gamer": "sessions+ reports- gaming+",
    "learner": "sessions- length+ likes- educational+",
    "homemaker": "sessions- reports+ lifestyle+",
    "music_lover": "likes+ skips- music+",
    "animal_friend": "likes+ comments+ reports+ pets+",
    "crafter": "watch+ time+ diy_crafts+",
    "beauty_follower": "likes+ length- beauty+",
    "athlete": "sessions- length- fitness+",
    "news_reader": "likes- boredom+ news+",
    "grazer": "skips+ length+ comments-",
}


def behaviour(world):
    """What a platform would see of a population."""
    n = world.platform.telemetry.as_dict()
    seen, items = n["impressions"], world.content.table
    watched, names = seen - n["skips"], world.content.categories.names
    shown = np.bincount(items.category, items.impressions, len(names)) / seen
    return {
        "watch": n["watch_ms"] / seen,
        "skips": n["skips"] / seen,
        "likes": n["likes"] / watched,
        "shares": n["shares"] / watched,
        "comments": n["comments"] / watched,
        "sessions": n["sessions"] / len(world.users.table),
        "length": n["session_impressions"] / n["sessions"],
        "time": n["watch_ms"] / n["sessions"],
        "boredom": n["exits_boredom"] / n["sessions"],
        "reports": n["reports"] / seen,
        **dict(zip(names, shown, strict=True)),
    }


@pytest.fixture(scope="module")
def mixed(paired, kernels):
    return [behaviour(paired.run(SETS, r, kernels)) for r in range(REPLICATES)]


def test_every_template_has_a_documented_signature():
    assert list(SIGNATURES) == NAMES and len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_a_world_of_one_template_differs_as_documented(paired, kernels, mixed, name):
    shares = [float(other == name) for other in NAMES]
    sets = [*SETS, f"personas.shares={shares}"]
    alone = [behaviour(paired.run(sets, r, kernels)) for r in range(REPLICATES)]
    for mark in SIGNATURES[name].split():
        measure, sign = mark[:-1], {"+": 1, "-": -1}[mark[-1]]
        differences = [a[measure] - b[measure] for a, b in zip(alone, mixed, strict=True)]
        found = paired.interval(differences)
        assert found.excludes_zero and found.mean * sign > 0, (name, mark, found)


def test_without_personas_their_numbers_change_nothing(paired, kernels):
    base = ["population.persona_use=none"]
    assert paired.same_digest(
        base, [*base, "personas.tolerance_factor=" + str([2.0] * 13)], kernels
    )
