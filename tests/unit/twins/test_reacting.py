"""Who reacts to what they saw, by hand-made impressions; and what the platform makes of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.columns import Columns
from feedtwin.kernels.binding import load
from feedtwin.schema.batches import Outcomes, SlateBatch
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.schema.parameters import section_model
from feedtwin.schema.reactions import Reactions
from feedtwin.session import FINISHED, LIKE, SKIP
from feedtwin.twins.platform.config import PlatformConfig
from feedtwin.twins.platform.explicit import ExplicitFeedback
from feedtwin.twins.platform.table import ACCOUNTS
from feedtwin.twins.social import activity
from feedtwin.twins.user.acts.reacting import Reacting, ReactionConfig
from feedtwin.twins.user.table import USERS

PEOPLE, SLOTS = 800, 3


def round_of(flags, row, reached=SLOTS):
    """Everybody meets three videos; `flags` and `row` (3,) or (PEOPLE, 3)."""
    shape = (PEOPLE, SLOTS)
    user = np.arange(PEOPLE, dtype=np.uint32)
    flags = np.broadcast_to(np.uint8(flags), shape).copy()
    row = np.broadcast_to(np.uint32(row), shape).copy()
    count = np.full(PEOPLE, reached, np.uint8)
    past = np.broadcast_to(np.arange(SLOTS) >= reached, shape)
    item = (np.uint64(1) << np.uint64(32)) | row.astype(np.uint64)
    flags[past] = 0
    watch = np.where(past, 0, 5000).astype(np.uint32)
    zero = {n: np.zeros(shape, t) for n, t in (("pool", "u1"), ("inserted", "u1"), ("stage", "u1"))}
    slates = SlateBatch(
        step=9, user=user, request=user, served_count=count, policy=0, row=row, item=item,
        score=np.zeros(shape, np.float32), propensity=np.ones(shape, np.float32),
        meeting=np.zeros(shape, np.uint16), **zero,
    )  # fmt: skip
    met = Outcomes(
        step=9, user=user, request=user, reached_count=count, item=item, row=row, flags=flags,
        watch_ms=watch, completion=np.full(shape, 0.5, np.float32),
    )  # fmt: skip
    return slates, met


@pytest.fixture
def mind(settings, draws):
    """A part that reacts at given rates; video 0 fits everybody, 1 nobody, 2 is toxic."""

    def make(**rates):
        config = {**settings.section("reactions"), "offence_noise": 0.1, **rates}
        part = Reacting(section_model(ReactionConfig, config), draws, load("auto"))
        columns = Columns(USERS, PEOPLE)
        with columns.writing():
            columns.interests[:, 0] = 127
        vector = np.zeros((3, 50), np.int8)
        vector[0, 0] = vector[1, 1] = vector[2, 0] = 127
        items = SimpleNamespace(
            vector=vector, inv_norm=np.full(3, 1 / 127, np.float32),
            toxicity=np.float32([0.0, 0.2, 0.9]),
        )  # fmt: skip
        ties = SimpleNamespace(has=lambda user, target: user % 2 == 0)
        part.sight = SimpleNamespace(users=columns, items=items, ties=ties)
        return part, columns

    return make


def wishes(part, *rounds):
    return {wish.action: wish for wish in part.act(Reactions(9, list(rounds)))}


def test_skips_without_match_are_said_and_those_of_a_fitting_video_never(mind):
    part, _ = mind(not_interested_rate=0.3)
    asked = wishes(part, round_of([SKIP, SKIP, 0], [0, 1, 1]))["NOT_INTERESTED"]
    assert set(asked.slot.tolist()) == {1}
    share = asked.rows / PEOPLE
    assert share == pytest.approx(0.3, abs=5 * (0.3 * 0.7 / PEOPLE) ** 0.5)


def test_the_rate_of_one_reaction_does_not_touch_the_draws_of_another(mind):
    seen = round_of(SKIP, [1, 1, 0])
    alone = wishes(mind(mute_rate=0.1)[0], seen)["MUTE"]
    both = wishes(mind(mute_rate=0.1, not_interested_rate=0.5)[0], seen)["MUTE"]
    assert alone.rows > 50
    assert alone.user.tolist() == both.user.tolist()
    assert set(alone.target.tolist()) == {1}


def test_only_followees_are_unfollowed_and_more_skips_are_more_chances(mind):
    part, _ = mind(unfollow_rate=0.2)
    once = wishes(part, round_of([SKIP, 0, 0], [1, 0, 0]))["UNFOLLOW"]
    thrice = wishes(part, round_of([SKIP, SKIP, SKIP], [1, 1, 1]))["UNFOLLOW"]
    assert (once.user % 2 == 0).all() and once.rows > 30
    assert len(np.unique(thrice.user)) >= len(once.user)


def test_likes_are_taken_back_and_liked_or_finished_videos_kept(mind):
    part, _ = mind(unlike_rate=0.5, save_rate=0.5)
    asked = wishes(part, round_of([LIKE, FINISHED, 0], [0, 1, 2]))
    assert set((asked["UNLIKE_VIDEO"].item & np.uint64(0xFF)).tolist()) == {0}
    assert set((asked["SAVE_VIDEO"].item & np.uint64(0xFF)).tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("tolerance", "expected"), [(0, {0, 1, 2}), (60, {1, 2}), (77, {2}), (128, {2}), (255, set())]
)
def test_what_seems_more_toxic_than_tolerated_is_reported(mind, tolerance, expected):
    part, columns = mind(report_rate=1.0)
    with columns.writing():
        columns.toxicity_tolerance[:] = tolerance
    asked = wishes(part, round_of(0, [0, 1, 2]))["REPORT_POST"]
    assert set((asked.item & np.uint64(0xFF)).tolist()) == expected
    assert (asked.toxicity > np.float32(tolerance / 255)).all()


def test_skips_and_videos_not_reached_are_not_reported(mind):
    part, columns = mind(report_rate=1.0)
    with columns.writing():
        columns.toxicity_tolerance[:] = 20
    asked = wishes(part, round_of([SKIP, 0, 0], [2, 2, 2], reached=2))["REPORT_POST"]
    assert set(asked.slot.tolist()) == {1}


def test_the_platform_moves_further_from_what_is_refused_than_from_a_skip(settings):
    config = section_model(PlatformConfig, settings.section("platform"))
    accounts = Columns(ACCOUNTS, 4)
    part = ExplicitFeedback(config, accounts, lambda: np.zeros(50, np.int16))
    vector = np.zeros((1, 50), np.int8)
    vector[0, 0] = 127
    part.sight = SimpleNamespace(
        items=SimpleNamespace(vector=vector),
        rows_of=lambda item: np.zeros(len(item), np.uint32),
    )
    users = Columns(USERS, 4).frozen
    said = {
        1: (SocialActivityKind.VIDEO_NOT_INTERESTED, 1),
        2: (SocialActivityKind.VIDEO_NOT_INTERESTED, 2),
        3: (SocialActivityKind.VIDEO_SAVED, 1),
    }
    for user, (kind, times) in said.items():
        rows = np.full(times, user, np.uint32)
        batch = activity(users, 1, kind, rows, item=np.zeros(times, np.uint64))
        with part.writing():
            part.on_social_activity(batch)
    none, once, twice, kept = accounts.estimate[:, 0].tolist()
    rate = round(config.estimate_rate * 32768)
    skip = round(config.signal_skip * 127 * 256) * rate / 32768
    assert none == 0 < kept
    assert once < skip * 1.5
    assert twice == pytest.approx(once * (2 - config.estimate_rate), abs=2)
