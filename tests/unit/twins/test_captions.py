"""Captions, hashtags and sounds: what they are called, what their ids are, who follows a trend."""

import numpy as np
import pytest

from feedtwin.schema.batches import empty
from feedtwin.schema.codes import TrendKind
from feedtwin.twins.content.adopting import Fashion
from feedtwin.twins.content.captions import (
    NO_CATEGORY,
    PLAIN,
    TEASERS,
    Words,
    captions,
    is_teaser,
    sound_name,
    text_id,
    text_ids,
)
from feedtwin.twins.content.creation import make_videos, sound_pull
from feedtwin.twins.part import nothing_trends


@pytest.fixture(scope="module")
def words(categories, content_config):
    return Words(categories.names, content_config.hashtags_per_category)


def _make(categories, config, draws, count=400, fashion=None):
    creator, ordinal = np.arange(count, dtype=np.uint32), np.zeros(count, np.uint32)
    field = (creator % 12).astype(np.uint16)
    return make_videos(
        creator, ordinal, field, np.full(count, 2), categories, config, draws, fashion
    )


def _written(made, words, share, draws):
    return captions(
        made.creator, made.ordinal, made.category, made.hashtags, words, share, draws
    )  # fmt: skip


def test_a_plain_caption_names_its_topic_and_a_teaser_does_not(
    categories, content_config, draws, words
):
    made = _make(categories, content_config, draws)
    for share, templates in ((0.0, PLAIN), (1.0, TEASERS)):
        for caption, k in zip(_written(made, words, share, draws), made.category, strict=True):
            topic = categories.names[k].replace("_", " ")
            text = f"{caption.title} {caption.description}"
            assert (topic in text) == (templates is PLAIN)


def test_the_share_of_teasers_is_as_set_and_grows_by_the_same_people(draws):
    """4,000 captions: within 5 standard errors; raising the share keeps everyone who teased."""
    creator, ordinal = np.arange(4000, dtype=np.uint32), np.zeros(4000, np.uint32)
    few, more = (is_teaser(creator, ordinal, share, draws) for share in (0.2, 0.5))
    assert few.mean() == pytest.approx(0.2, abs=5 * (0.16 / 4000) ** 0.5)
    assert (few <= more).all()


def test_a_text_id_is_a_fixed_hash_of_the_canonical_text(categories, content_config, draws, words):
    assert text_id("dance: fun | all about fun | #dance_fun") == 381775665
    made = _make(categories, content_config, draws, 5)
    written = _written(made, words, 0.2, draws)
    assert text_ids(written).tolist() == [text_id(caption.text) for caption in written]
    for caption, tags in zip(written, made.hashtags, strict=True):
        assert caption.text.count("#") == (tags > 0).sum()


def test_hashtags_have_distinct_names_and_homes(categories, words, content_config):
    size = content_config.hashtags_per_category
    assert len(words.hashtags) == 1 + 12 * size
    assert len(set(words.hashtags)) == len(words.hashtags)
    code = np.array([0, 1, size, size + 1, 12 * size])
    assert words.category_of(code).tolist() == [NO_CATEGORY, 0, 0, 1, 11]
    assert words.hashtags[size + 1].startswith("comedy_")


def test_names_from_a_log_follow_the_vocabulary():
    words = Words(("cats", "dogs"), 30, {63: "big cats", 65: "puppies"})
    assert words.hashtags[61:] == ["", "", "big_cats", "", "puppies"]
    assert words.category_of(np.array([60, 61, 65])).tolist() == [1, NO_CATEGORY, NO_CATEGORY]
    assert words.hashtags[25] == "cats_challenge_2"


def test_sounds_have_names():
    assert sound_name(0) == ""
    assert len({sound_name(code) for code in range(1, 2001)}) == 2000


# -- trends ----------------------------------------------------------------------------------------


def _fashion(draws, content_config, tags=(), sounds=(), adoption=1.0):
    keys = {TrendKind.HASHTAG: tags, TrendKind.SOUND: sounds}
    size = content_config.hashtags_per_category
    home = np.full(1 + 12 * size, NO_CATEGORY, np.uint16)
    home[1:] = np.repeat(np.arange(12), size)
    sound_home = np.full(2001, NO_CATEGORY, np.uint16)
    sound_home[[7, 8]] = 0
    return Fashion(
        lambda kind: np.asarray(keys[kind], np.uint32), home, sound_home, adoption, draws
    )


def test_an_upload_takes_what_trends_in_its_category_and_nothing_else(
    categories, content_config, draws
):
    plain = _make(categories, content_config, draws)
    trendy = _make(
        categories, content_config, draws, fashion=_fashion(draws, content_config, [3, 5, 30], [8])
    )
    dance, comedy = trendy.category == 0, trendy.category == 1
    assert set(trendy.hashtags[dance, 0].tolist()) == {3, 5}
    assert set(trendy.hashtags[comedy, 0].tolist()) == {30}
    assert (trendy.sound[dance] == 8).all()
    others = trendy.category > 1
    np.testing.assert_array_equal(trendy.hashtags[others], plain.hashtags[others])
    np.testing.assert_array_equal(trendy.sound[~dance], plain.sound[~dance])
    for tags in trendy.hashtags:
        used = tags[tags > 0]
        assert len(set(used.tolist())) == len(used)


def test_without_trends_or_adoption_nothing_changes(categories, content_config, draws):
    plain = _make(categories, content_config, draws)
    home = np.zeros(3, np.uint16)
    for fashion in (
        Fashion(nothing_trends, home, home, 1.0, draws),
        _fashion(draws, content_config, [3], [8], adoption=0.0),
    ):
        made = _make(categories, content_config, draws, fashion=fashion)
        np.testing.assert_array_equal(made.hashtags, plain.hashtags)
        np.testing.assert_array_equal(made.sound, plain.sound)


def test_adoption_is_the_share_of_uploads_that_follow(categories, content_config, draws):
    """About 500 dance videos of 6,000: within 5 standard errors of 0.3."""
    fashion = _fashion(draws, content_config, [3], [], adoption=0.3)
    made = _make(categories, content_config, draws, 6000, fashion)
    plain = _make(categories, content_config, draws, 6000)
    could = (made.category == 0) & (plain.hashtags != 3).all(axis=1)
    share = (made.hashtags[could, 0] == 3).mean()
    assert share == pytest.approx(0.3, abs=5 * (0.21 / could.sum()) ** 0.5)


def test_the_order_of_trends_and_another_trend_elsewhere_change_no_choice(
    categories, content_config, draws
):
    tags = [
        _make(categories, content_config, draws, fashion=_fashion(draws, content_config, keys))
        for keys in ([3, 5, 9], [9, 3, 5, 5], [5, 9, 3, 40])
    ]
    dance = tags[0].category == 0
    for other in tags[1:]:
        np.testing.assert_array_equal(tags[0].hashtags[dance], other.hashtags[dance])


def test_popular_and_trending_sounds_pull_where_sounds_matter(categories, content_config, draws):
    sound = np.array([1, 2000, 2000], np.uint32)
    dance = np.zeros(3, np.uint16)
    fashion = _fashion(draws, content_config, sounds=[2000])
    plain = sound_pull(sound, dance, categories, content_config)
    hot = sound_pull(sound, dance, categories, content_config, fashion)
    assert plain.tolist() == pytest.approx([0.15, -0.15, -0.15])
    assert hot.tolist() == pytest.approx([0.15, 0.15, 0.15])
    news = np.full(3, 11, np.uint16)
    assert not sound_pull(sound, news, categories, content_config, fashion).any()


def test_a_mean_sound_pulls_nothing(categories, content_config, draws):
    """20,000 library draws: popularity is uniform, so the mean pull is 0 within 5 standard errors."""
    made = _make(categories, content_config, draws, 20000)
    dance = np.zeros(20000, np.uint16)
    pull = sound_pull(made.sound, dance, categories, content_config)
    assert pull.mean() == pytest.approx(0, abs=5 * 0.3 / 12**0.5 / 20000**0.5 + 0.002)


def test_an_empty_batch_of_uploads_takes_no_trend(draws, content_config):
    none = empty("VIDEO_CREATED", 0).user
    fashion = _fashion(draws, content_config, [3])
    assert len(fashion.hashtag(none, none, none)) == 0
