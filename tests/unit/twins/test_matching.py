"""What interests are matched against: the algebra of fusion against brute-force cosines."""

import numpy as np
import pytest

from feedtwin.kernels.binding import load
from feedtwin.schema.settings import resolve
from feedtwin.twins.content.embeddings import AUDIO, CAPTION, P_UNIT, VISUAL
from feedtwin.twins.content.matching import FUSED, MatchRule
from feedtwin.twins.interaction.calibrating import cosines
from feedtwin.twins.user.profile import profile_of
from feedtwin.world.build import build

WEIGHTS = {"w_visual": 0.3, "w_audio": 0.15, "w_text": 0.25, "w_compact": 0.3}
TOLERANCE = 0.01
"""Rounding to 127 = 1.0 moves each entry by at most 0.004, and a match of unit vectors by less than this."""


def world(*sets, users=300, **options):
    return build(resolve("synthetic", users=users, seed=11, sets=sets, **options), load("auto"))


@pytest.fixture(scope="module")
def fused():
    return world("interaction.match_source=fused")


def _pairs(made, count=400):
    users, items = made.users.table, made.content.table
    who = np.arange(count) * 7 % len(users)
    what = np.arange(count) * 13 % len(items)
    return who, what


def match(made, who, what):
    vectors, factor = made.content.match_vectors
    return cosines(made.users.table.interests[who], vectors[what], factor[what])


def cosine(a, b):
    return (a * b).sum(axis=1) / np.maximum(
        np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12
    )


def brute_force(made, who, what, weights):
    """The weighted mean of cosines between projected preferences and whole embeddings."""
    content, items = made.content, made.content.table
    taste = made.users.table.interests[who].astype(float)
    category = items.category[what]
    by_kind = {
        VISUAL: weights["w_visual"] * content.categories.visual_weight[category],
        AUDIO: weights["w_audio"] * np.ones(len(what)),
        CAPTION: weights["w_text"] * content.categories.text_weight[category],
    }
    total = np.full(len(what), weights["w_compact"])
    found = weights["w_compact"] * cosine(taste, items.vector[what].astype(float))
    for kind, weight in by_kind.items():
        seen = content.matching.embedding(items, slice(0, len(items)), kind)[what].astype(float)
        projection = content.matching.embedder.projections[kind] / P_UNIT
        found = found + weight * cosine(taste @ projection.T, seen)
        total = total + weight
    return found / total


def test_a_fused_match_is_the_weighted_mean_of_cosines(fused):
    who, what = _pairs(fused)
    np.testing.assert_allclose(
        match(fused, who, what), brute_force(fused, who, what, WEIGHTS), atol=TOLERANCE
    )


@pytest.mark.parametrize("only", sorted(WEIGHTS))
def test_each_weight_alone_is_its_own_cosine(only):
    weights = {name: 1.0 if name == only else 0.0 for name in WEIGHTS}
    sets = [f"interaction.{name}={value}" for name, value in weights.items()]
    made = world("interaction.match_source=fused", *sets, users=120)
    who, what = _pairs(made, 200)
    np.testing.assert_allclose(
        match(made, who, what), brute_force(made, who, what, weights), atol=TOLERANCE
    )


def test_an_archetype_weighs_its_own_modalities():
    """Tech and news listen to captions: without caption weight they match otherwise, dance hardly."""
    with_text = world("interaction.match_source=fused", "interaction.w_text=1")
    without = world("interaction.match_source=fused", "interaction.w_text=0")
    who, what = _pairs(with_text, 2000)
    change = np.abs(match(with_text, who, what) - match(without, who, what))
    category = with_text.content.table.category[what]
    names = with_text.content.categories.names
    by_name = {name: change[category == k].mean() for k, name in enumerate(names)}
    assert by_name["tech"] > by_name["dance"] and by_name["news"] > by_name["dance"]


def test_the_caption_channel_adds_the_captions_cosine():
    plain, made = world(), world("interaction.caption_channel=0.5")
    who, what = _pairs(made)
    items, content = made.content.table, made.content
    taste = made.users.table.interests[who].astype(float)
    caption = content.matching.embedding(items, slice(0, len(items)), CAPTION)[what].astype(float)
    projection = content.matching.embedder.projections[CAPTION] / P_UNIT
    weight = 0.5 * content.categories.text_weight[items.category[what]]
    expected = match(plain, who, what) + weight * cosine(taste @ projection.T, caption)
    np.testing.assert_allclose(match(made, who, what), expected, atol=2 * TOLERANCE)


def test_a_teaser_says_less_than_a_plain_caption():
    """With the channel on, teasers lower the match of people with what they like."""
    plain = world("interaction.caption_channel=0.5", "content.caption_teaser=0")
    teasing = world("interaction.caption_channel=0.5", "content.caption_teaser=1")
    who, what = _pairs(plain, 2000)
    liked = affinity(plain, who, what) > 0.45
    gain = match(plain, who, what)[liked] - match(teasing, who, what)[liked]
    assert liked.sum() > 100 and gain.mean() > 0.05


def test_new_videos_get_the_vectors_that_a_reload_gives(fused):
    made = world("interaction.match_source=fused", "user.uploads_per_day=[24,12,6,0]", users=120)
    before = len(made.content.table)
    made.step()
    made.step()
    assert len(made.content.table) > before
    vectors, factor = (array.copy() for array in made.content.match_vectors)
    made.content.load_state({name: a.copy() for name, a in made.content.state().items()})
    np.testing.assert_array_equal(made.content.match_vectors[0], vectors)
    np.testing.assert_array_equal(made.content.match_vectors[1], factor)


# -- conflict 3 of the specification -----------------------------------------------------------------


def affinity(made, who, what):
    """Cosine of long-term taste and compact vector."""
    taste = made.users.table.taste[who].astype(float)
    return cosine(taste, made.content.table.vector[what].astype(float))


@pytest.mark.parametrize("source", ["compact", "fused"])
def test_repaired_matches_follow_true_affinity(source):
    made = world(f"interaction.match_source={source}")
    who, what = _pairs(made, 4000)
    assert np.corrcoef(affinity(made, who, what), match(made, who, what))[0, 1] > 0.5


@pytest.mark.parametrize("signal", [0.0, 0.8])
def test_literal_matches_know_nothing_of_true_affinity(signal):
    """Personas are left on, so that there is an affinity to know of. 4,000 pairs: |r| < 0.1."""
    made = world(
        "preset=paper_literal", "population.persona_use=templates",
        f"content.embedding_signal={signal}",
    )  # fmt: skip
    who, what = _pairs(made, 4000)
    assert abs(np.corrcoef(affinity(made, who, what), match(made, who, what))[0, 1]) < 0.1


def test_the_literal_slice_is_the_beginning_of_the_embedding_in_bytes():
    made = world("preset=paper_literal")
    items = made.content.table
    whole = made.content.matching.embedding(items, slice(0, len(items)), VISUAL)[:, :50]
    expected = np.clip(whole * np.float32(127 / 4), -127, 127).astype(np.int8)
    np.testing.assert_array_equal(made.content.match_vectors[0], expected)


# -- the profile's reserved slots ----------------------------------------------------------------------


def test_preferences_are_projections_where_matching_is_fused_and_empty_elsewhere(fused):
    profile = profile_of(fused.users.table, 3, fused.content.projections)
    for name, length in (("visual", 512), ("audio", 128), ("text", 768)):
        preference = getattr(profile, f"{name}_pref")
        projection = fused.content.projections[name]
        np.testing.assert_allclose(preference, projection @ profile.state.content_interests)
        assert preference.shape == (length,)
    plain = world(users=50)
    assert plain.content.projections is None
    assert profile_of(plain.users.table, 3, plain.content.projections).visual_pref is None


def test_a_rule_without_a_channel_and_of_the_own_vectors_costs_nothing():
    assert MatchRule().is_compact
    assert not MatchRule(FUSED).is_compact
    assert not MatchRule(caption_channel=0.1).is_compact
