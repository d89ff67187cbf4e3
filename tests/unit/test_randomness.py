import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtwin import numerics
from feedtwin.errors import SettingsError
from feedtwin.randomness import STREAMS, Draws, Stream, philox4x32

MASK = 0xFFFFFFFF
words = st.integers(0, MASK)

# Random123's published known-answer vectors for philox4x32 with 10 rounds: counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((MASK,) * 4, (MASK, MASK), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]

# Frozen: a changed number is another world for every run on record.
FROZEN = {
    "USER_ATTRIBUTE": (1, 0, "user attribute"),
    "USER_TASTE": (2, 0, "user dim"),
    "USER_TIE": (3, 0, "user tie"),
    "SESSION_START": (4, 0, "user step"),
    "SESSION_CONTEXT": (5, 0, "user session"),
    "UPLOAD_COUNT": (6, 0, "creator day"),
    "UPLOAD_HOUR": (6, 1, "creator day"),
    "VIDEO_ATTRIBUTE": (7, 0, "creator ordinal attribute"),
    "VIDEO_CATEGORY": (8, 0, "creator ordinal category"),
    "VIDEO_NOISE": (9, 0, "creator ordinal dim"),
    "VIDEO_KEYWORD": (10, 0, "creator ordinal k"),
    "RETRIEVAL_RING": (11, 0, "creator ordinal epoch pool"),
    "RETRIEVAL_START": (12, 0, "user request pool"),
    "CLUSTER_CHOICE": (13, 0, "user request category"),
    "RANKING": (14, 0, "user creator ordinal request"),
    "HOOK": (15, 0, "user creator ordinal meeting"),
    "HOOK_NOISE": (15, 1, "user creator ordinal meeting"),
    "SKIP_TIME": (15, 2, "user creator ordinal meeting"),
    "WATCH_TIME": (15, 3, "user creator ordinal meeting"),
    "LIKE": (16, 0, "user creator ordinal meeting"),
    "SHARE": (16, 1, "user creator ordinal meeting"),
    "COMMENT": (16, 2, "user creator ordinal meeting"),
    "FOLLOW": (16, 3, "user creator ordinal meeting"),
    "PEOPLE_RESAMPLE": (17, 0, "user"),
    "PEOPLE_JITTER": (17, 1, "user attribute"),
    "FITTED_VIDEO": (29, 0, "creator ordinal"),
    "FITTED_PERSON": (29, 1, "user"),
    "CALIBRATION_USER": (30, 0, "pair"),
    "CALIBRATION_ITEM": (30, 1, "pair"),
    "DUET": (31, 0, "user creator ordinal meeting"),
    "STITCH": (31, 1, "user creator ordinal meeting"),
    "TREND_ADOPTION": (32, 0, "creator ordinal kind"),
    "TREND_CHOICE": (33, 0, "creator ordinal kind key"),
    "CAPTION": (34, 0, "creator ordinal k"),
    "PROJECTION": (34, 1, "kind dim entry"),
    "ASSIGNMENT": (18, 0, "experiment unit"),
    "EMBEDDING": (19, 0, "hash_low hash_high kind dim"),
    "PERSONA_TEXT": (70, 0, "user k"),
    "CAPTION_TEXT": (71, 0, "creator ordinal"),
    "COMMENT_TEXT": (72, 0, "user creator ordinal meeting"),
    "CAMPAIGN_TEXT": (73, 0, "creator day k"),
    "LLM_COHORT": (74, 0, "user task"),
    "DECISION_RULE": (75, 0, "user step k"),
    "PAYER": (45, 0, "user"),
    "SPENDING_POWER": (45, 1, "user"),
    "GIFT": (46, 0, "user creator ordinal meeting"),
    "GIFT_SIZE": (46, 1, "user creator ordinal meeting"),
    "SUBSCRIPTION": (46, 2, "user creator ordinal meeting"),
    "PRODUCT_CLICK": (46, 3, "user creator ordinal meeting"),
    "PURCHASE": (47, 0, "user creator ordinal meeting"),
    "RENEWAL": (48, 0, "user creator step"),
    "AD_ATTRIBUTE": (49, 0, "advertiser creative attribute"),
    "PURCHASE_QUEUE": (50, 0, "user creator product step"),
    "AD_WINDOW": (51, 0, "user"),
    "AD_AUCTION": (52, 0, "user request advertiser creative"),
    "SHOP_ATTRIBUTE": (53, 0, "creator product attribute"),
    "SHOP_TAG": (54, 0, "creator ordinal"),
    "SHOP_TAG_PRODUCT": (54, 1, "creator ordinal"),
    "NOT_INTERESTED": (20, 0, "user creator ordinal meeting"),
    "MUTE": (20, 1, "user creator ordinal meeting"),
    "UNFOLLOW": (20, 2, "user creator ordinal meeting"),
    "UNLIKE": (21, 0, "user creator ordinal meeting"),
    "SAVE": (21, 1, "user creator ordinal meeting"),
    "REPORT": (21, 2, "user creator ordinal meeting"),
    "OFFENCE": (21, 3, "user creator ordinal meeting"),
    "UNMUTE": (22, 0, "user target day"),
    "AWAY": (23, 0, "user day"),
    "LEAVE": (23, 1, "user day"),
    "SIGNUP": (24, 0, "user step"),
    "NICHE": (25, 0, "creator day"),
    "SOCIAL_WISH": (35, 0, "user session action"),
    "POST_CHOICE": (36, 0, "user occasion creator ordinal"),
    "BOARD_ENTRY": (37, 0, "user occasion"),
    "FOLLOWEE_ENTRY": (37, 1, "user occasion"),
    "GROUP_ENTRY": (37, 2, "user occasion"),
    "FOUND_FOLLOW": (37, 3, "user occasion"),
    "FOUND_FAMOUS": (39, 3, "user occasion"),
    "BOARD_PLACE": (38, 0, "creator ordinal step"),
    "GROUP_PLACE": (38, 1, "group step"),
    "GROUP_CHOICE": (39, 0, "user occasion group"),
    "QUERY_CHOICE": (39, 1, "user occasion"),
    "FOUND_CHOICE": (39, 2, "user occasion found"),
    "LIVE_START": (40, 0, "creator step"),
    "LIVE_LENGTH": (40, 1, "creator ordinal"),
    "LIVE_PLACE": (40, 2, "creator ordinal"),
    "LIVE_LOOK": (41, 0, "user session"),
    "LIVE_ENTRY": (41, 1, "user session"),
    "LIVE_DISCOVER": (41, 2, "user session"),
    "LIVE_CHOICE": (42, 0, "user session creator ordinal"),
    "LIVE_STAY": (43, 0, "user creator ordinal step"),
    "LIVE_GIFT": (43, 1, "user creator ordinal step"),
    "LIVE_GIFT_SIZE": (43, 2, "user creator ordinal step"),
    "LIVE_DOOR": (43, 3, "user creator ordinal step"),
    "REQUEST_KIND": (44, 0, "user request"),
    "METRIC_SUBSAMPLE": (80, 0, "creator ordinal view"),
    "REVIEW_ERROR": (55, 0, "creator ordinal review"),
    "CAMPAIGN_ADOPTION": (65, 0, "creator"),
}


def plain_philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """The generator in whole numbers, written from the paper and sharing no code with the package."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def u4(*values: int) -> tuple[np.ndarray, ...]:
    return tuple(np.array(v, np.uint32) for v in values)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_known_answers(
    counter: tuple[int, ...], key: tuple[int, int], answer: tuple[int, ...]
) -> None:
    assert tuple(int(w) for w in philox4x32(*u4(*counter), *key)) == answer
    assert plain_philox(counter, key) == answer


@given(st.tuples(words, words, words, words), words, words)
def test_philox_equals_the_definition_in_whole_numbers(
    counter: tuple[int, ...], k0: int, k1: int
) -> None:
    assert tuple(int(w) for w in philox4x32(*u4(*counter), k0, k1)) == plain_philox(
        counter, (k0, k1)
    )


def test_the_stream_table_is_the_frozen_one() -> None:
    assert {s.name: (s.block, s.word, " ".join(s.key)) for s in STREAMS} == FROZEN
    assert all(s.decides and s.where for s in STREAMS)


def test_no_two_streams_share_a_number() -> None:
    assert len(list(Stream.__members__)) == len(
        STREAMS
    )  # an alias would be two names of one member
    assert len({(s.block, s.word) for s in STREAMS}) == len(STREAMS)
    assert all(0 < s.block < 2**12 and 0 <= s.word < 4 and 1 <= len(s.key) <= 4 for s in STREAMS)


key_parts = st.tuples(words, st.integers(0, 2**20 - 1), st.integers(1, 2**12 - 1))


@given(key_parts, key_parts)
def test_different_seed_replicate_or_block_never_share_a_key(
    a: tuple[int, int, int], b: tuple[int, int, int]
) -> None:
    keys = [Draws(seed, replicate).key(block) for seed, replicate, block in (a, b)]
    assert (keys[0] == keys[1]) == (a == b)
    assert all(0 <= word <= MASK for key in keys for word in key)


@given(words, st.integers(0, 2**20 - 1), st.sampled_from(STREAMS), st.data())
def test_a_draw_is_the_documented_word_of_the_documented_key_and_counter(
    seed: int, replicate: int, stream: Stream, data: st.DataObject
) -> None:
    ids = [data.draw(words) for _ in stream.key]
    counter = (*ids, *[0] * (4 - len(ids)))
    expected = plain_philox(counter, (seed, replicate * 4096 + stream.block))[stream.word]
    draws = Draws(seed, replicate)
    bits = draws.bits(stream, *ids)
    assert int(bits) == expected
    assert draws.uniform(stream, *ids) == numerics.uniform32(expected)
    assert draws.normal(stream, *ids) == numerics.normal_quantile32(draws.uniform(stream, *ids))
    assert draws.gumbel(stream, *ids) == numerics.gumbel32(draws.uniform(stream, *ids))


def test_a_draw_depends_on_its_ids_and_not_on_its_place_or_company() -> None:
    draws = Draws(7, 3)
    users = np.arange(20_000, dtype=np.uint32)
    together = draws.bits(Stream.HOOK, users, 9, 4, 1)
    order = np.argsort(together)
    assert np.array_equal(draws.bits(Stream.HOOK, users[order], 9, 4, 1), together[order])
    assert np.array_equal(draws.bits(Stream.HOOK, users[8190:8195], 9, 4, 1), together[8190:8195])
    assert int(draws.bits(Stream.HOOK, 8191, 9, 4, 1)) == int(together[8191])
    assert np.array_equal(draws.bits(Stream.HOOK, users, 9, 4, 1), together)


def test_entity_words_broadcast_like_operands() -> None:
    draws = Draws(7)
    users, creators = np.arange(5, dtype=np.uint32)[:, None], np.arange(3, dtype=np.int64)
    grid = draws.bits(Stream.RANKING, users, creators, 2, 1)
    assert grid.shape == (5, 3)
    assert grid.dtype == np.uint32
    assert int(grid[4, 2]) == int(draws.bits(Stream.RANKING, 4, 2, 2, 1))
    assert draws.uniform(Stream.RANKING, users, creators, 2, 1).shape == (5, 3)
    assert draws.bits(Stream.RANKING, np.empty(0, np.uint32), 1, 2, 3).shape == (0,)


def test_every_coordinate_changes_the_draw() -> None:
    base = int(Draws(7, 3).bits(Stream.HOOK, 1, 2, 3, 4))
    assert base != int(Draws(8, 3).bits(Stream.HOOK, 1, 2, 3, 4))
    assert base != int(Draws(7, 4).bits(Stream.HOOK, 1, 2, 3, 4))
    for i in range(4):
        ids = [1, 2, 3, 4]
        ids[i] += 1
        assert base != int(Draws(7, 3).bits(Stream.HOOK, *ids))
    same_key = [int(Draws(7, 3).bits(s, 1, 2, 3, 4)) for s in STREAMS if len(s.key) == 4]
    assert len(set(same_key)) == len(same_key) >= 10


def test_words_returns_the_streams_of_a_block_in_word_order() -> None:
    draws = Draws(7, 3)
    four = draws.words(15, np.arange(4, dtype=np.uint32), 2, 3, 4)
    for stream in (Stream.HOOK, Stream.HOOK_NOISE, Stream.SKIP_TIME, Stream.WATCH_TIME):
        alone = draws.bits(stream, np.arange(4, dtype=np.uint32), 2, 3, 4)
        assert np.array_equal(four[stream.word], alone)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "7", True, None])
def test_a_seed_out_of_range_is_a_settings_error(seed: object) -> None:
    with pytest.raises(SettingsError, match="seed"):
        Draws(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("replicate", [-1, 2**20, 0.5])
def test_a_replicate_out_of_range_is_a_settings_error(replicate: object) -> None:
    with pytest.raises(SettingsError, match=r"replicate.*1048575"):
        Draws(7, replicate)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", [1.0, "1", True, None, np.array([1.0]), np.array(["a"])])
def test_a_word_that_is_no_integer_is_a_type_error(word: object) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        Draws(7).bits(Stream.USER_TIE, 1, word)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", [-1, 2**32, np.array([0, -1]), np.array([2**40])])
def test_a_word_beyond_32_bits_is_refused_and_never_wrapped(word: object) -> None:
    with pytest.raises(ValueError, match="entity word 2"):
        Draws(7).bits(Stream.USER_TIE, 1, word)  # type: ignore[arg-type]


def test_a_forgotten_word_is_refused_because_zero_would_reuse_a_draw() -> None:
    with pytest.raises(TypeError, match="keyed by \\(user, creator, ordinal, meeting\\)"):
        Draws(7).bits(Stream.HOOK, 1, 2, 3)
    with pytest.raises(ValueError, match="block"):
        Draws(7).words(0, 1)
    with pytest.raises(ValueError, match="block"):
        Draws(7).words(4096, 1)
