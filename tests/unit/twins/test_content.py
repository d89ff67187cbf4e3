"""Videos: what they are is keyed, what they are like follows the paper's tables, what they got is counted."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.randomness import Draws
from feedtwin.twins.content.categories import inverse_norm, one_hot_vectors, spread_vectors
from feedtwin.twins.content.counting import count_reference
from feedtwin.twins.content.creation import compact_vectors, make_videos

COLUMNS = (
    "category", "hashtags", "sound", "duration_s", "hook_strength", "quality", "virality",
    "completion_prior",
)  # fmt: skip
TABLE_4 = {
    "dance": (15, 5), "comedy": (45, 15), "educational": (55, 10), "gaming": (30, 10),
    "lifestyle": (25, 10), "music": (20, 5), "pets": (12, 4), "diy_crafts": (50, 15),
    "tech": (40, 10), "beauty": (25, 8), "fitness": (35, 10), "news": (55, 5),
}  # fmt: skip


def _make(creator, ordinal, categories, config, draws, expertise=0):
    creator, ordinal = np.asarray(creator, np.uint32), np.asarray(ordinal, np.uint32)
    field = np.full(len(creator), expertise, np.uint16)
    return make_videos(creator, ordinal, field, np.full(len(creator), 2), categories, config, draws)


def test_a_video_is_what_its_creator_and_ordinal_say_whatever_is_made_beside_it(
    categories, content_config, draws
):
    many = _make(
        np.repeat(np.arange(50), 4), np.tile(np.arange(4), 50), categories, content_config, draws
    )
    alone = _make([17], [3], categories, content_config, draws)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(many, name)[17 * 4 + 3], getattr(alone, name)[0])


@pytest.mark.parametrize("other", [([18], [3]), ([17], [4]), ([3], [17])])
def test_another_creator_or_ordinal_is_another_video(categories, content_config, draws, other):
    one = _make([17], [3], categories, content_config, draws)
    two = _make(*other, categories, content_config, draws)
    same = [name for name in ("duration_s", "hook_strength", "quality", "sound") if
            getattr(one, name)[0] == getattr(two, name)[0]]  # fmt: skip
    assert same == []


def test_another_seed_or_replicate_makes_other_videos(categories, content_config, draws):
    one = _make([17], [3], categories, content_config, draws)
    for chance in (Draws(12, 0), Draws(11, 1)):
        assert _make([17], [3], categories, content_config, chance).quality[0] != one.quality[0]


@pytest.mark.parametrize("name", TABLE_4)
def test_durations_have_the_mean_and_spread_of_table_4(categories, content_config, draws, name):
    """10,000 videos: the mean within 5 standard errors, the spread within 5 %."""
    config = content_config.model_copy(update={"expertise_weight": 1.0, "duration_min_s": 0.5})
    count, code = 10_000, categories.names.index(name)
    made = _make(np.arange(count), np.zeros(count), categories, config, draws, expertise=code)
    mean, sd = TABLE_4[name]
    assert (made.category == code).all()
    assert made.duration_s.mean() == pytest.approx(mean, abs=5 * sd / count**0.5 + 0.02)
    assert made.duration_s.std() == pytest.approx(sd, rel=0.05)


def test_durations_keep_to_their_bounds(categories, content_config, draws):
    config = content_config.model_copy(update={"duration_min_s": 10.0, "duration_max_s": 30.0})
    made = _make(np.arange(2000), np.zeros(2000), categories, config, draws)
    assert made.duration_s.min() == 10.0
    assert made.duration_s.max() == 30.0


def test_a_creator_keeps_to_their_field_as_often_as_said(categories, content_config, draws):
    """7 of 10 uploads and the field's share of the rest; 5 standard errors of 20,000."""
    made = _make(
        np.arange(20_000), np.zeros(20_000), categories, content_config, draws, expertise=5
    )
    weight = content_config.expertise_weight
    share = weight + (1 - weight) * categories.upload_share[5] / categories.upload_share.sum()
    error = float(share * (1 - share) / 2e4) ** 0.5
    assert (made.category == 5).mean() == pytest.approx(share, abs=5 * error)


def test_hashtags_are_of_the_category_and_do_not_repeat(categories, content_config, draws):
    made = _make(np.arange(3000), np.ones(3000), categories, content_config, draws)
    size = content_config.hashtags_per_category
    used = made.hashtags > 0
    of = np.broadcast_to(made.category[:, None], made.hashtags.shape)
    assert ((made.hashtags.astype(int)[used] - 1) // size == of[used]).all()
    assert used[:, 0].all()
    for one, other in ((0, 1), (0, 2), (1, 2)):
        both = used[:, one] & used[:, other]
        assert (made.hashtags[both, one] != made.hashtags[both, other]).all()


# -- vectors ---------------------------------------------------------------------------------------


def test_twelve_archetypes_have_twelve_codes_of_their_own():
    vectors = one_hot_vectors(12, fold=False).astype(int)
    gram = vectors @ vectors.T
    np.testing.assert_array_equal(gram, np.eye(12, dtype=int) * 127**2)
    assert not vectors[:, 20:].any()


def test_the_printed_fold_makes_the_last_two_archetypes_collide_with_the_first_two():
    vectors = one_hot_vectors(12, fold=True)
    np.testing.assert_array_equal(vectors[10], vectors[0])
    np.testing.assert_array_equal(vectors[11], vectors[1])
    assert not vectors[:, 10:].any()
    assert len(np.unique(vectors[:10], axis=0)) == 10


def test_many_categories_have_distinct_codes_that_share_at_most_two_dimensions():
    lit = spread_vectors(300) > 0
    overlap = lit.astype(int) @ lit.T.astype(int)
    assert (np.diag(overlap) == 3).all()
    assert overlap[~np.eye(300, dtype=bool)].max() == 2


def _vector(categories, config, draws, tags, category=3, creator=7, ordinal=2):
    return compact_vectors(
        np.uint32([creator]), np.uint32([ordinal]), np.uint16([category]), np.uint16([tags]),
        categories.vectors, config, draws,
    )[0].astype(int)  # fmt: skip


def test_a_vector_holds_category_keywords_and_noise_in_their_places(
    categories, content_config, draws
):
    vector = _vector(categories, content_config, draws, [80, 0, 0])
    assert vector[3] == 127
    assert np.count_nonzero(vector[:20]) == 1
    assert 1 <= np.count_nonzero(vector[20:40]) <= 2
    assert vector[20:40].sum() == 2 * round(content_config.keyword_weight * 127)
    assert (vector[40:] >= 0).all()
    assert vector[40:].max() <= content_config.noise_max * 127
    assert np.count_nonzero(vector[40:]) >= 5
    assert not _vector(categories, content_config, draws, [0, 0, 0])[20:40].any()


def test_equal_hashtags_light_equal_dimensions_whoever_uses_them(categories, content_config, draws):
    one = _vector(categories, content_config, draws, [80, 91, 0])
    two = _vector(categories, content_config, draws, [91, 80, 0], category=5, creator=9, ordinal=0)
    np.testing.assert_array_equal(one[20:40], two[20:40])
    assert not np.array_equal(one[40:], two[40:])


def test_the_inverse_norm_is_that_of_the_integer_vector():
    vectors = np.int8([[3, 4, 0], [0, 0, 0], [-127, 127, 127]])
    expected = [1 / 5, 1.0, 1 / (127 * 3**0.5)]
    np.testing.assert_allclose(inverse_norm(vectors), expected, rtol=1e-6)


# -- counters --------------------------------------------------------------------------------------


def test_counters_add_what_was_reached_and_nothing_else():
    zero = [np.zeros(3, np.uint32) for _ in range(6)]
    names = ("impressions", "skips", "likes", "shares", "comments", "completions")
    a = SimpleNamespace(
        **dict(zip(names, zero, strict=True)),
        item_watch_ms=np.zeros(3, np.uint64),
        touched_step=np.full(3, -1, np.int32),
        step=7,
        row=np.uint32([[0, 2, 2], [2, 0, 1]]),
        flags=np.uint8([[2 | 4 | 32, 1, 2], [8, 1, 2 | 4 | 8 | 32]]),
        watch_ms=np.uint32([[100, 20, 5], [3, 1, 999]]),
        reached_count=np.uint8([3, 2]),  # the last slot of the second slate was not reached
    )
    count_reference(a, 0, 2)
    found = {name: getattr(a, name).tolist() for name in names}
    assert found == {
        "impressions": [2, 0, 3], "skips": [1, 0, 1], "likes": [1, 0, 1], "shares": [1, 0, 0],
        "comments": [0, 0, 1], "completions": [1, 0, 0],
    }  # fmt: skip
    assert a.item_watch_ms.tolist() == [101, 0, 28]
    assert a.touched_step.tolist() == [7, -1, 7]
