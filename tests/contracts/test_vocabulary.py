"""Actions and events are those of the specification, complete and consistent."""

import pytest

from feedtwin.schema.actions import ACTIONS, OASIS_ALIASES, PAPER_ALIASES
from feedtwin.schema.events import EVENTS, TWINS

ACTION_NAMES = (
    "EXIT REFRESH SEARCH_USER SEARCH_POSTS CREATE_POST LIKE_POST UNLIKE_POST DISLIKE_POST "
    "UNDO_DISLIKE_POST REPORT_POST FOLLOW UNFOLLOW MUTE UNMUTE TREND SIGNUP REPOST QUOTE_POST "
    "UPDATE_REC_TABLE CREATE_COMMENT LIKE_COMMENT UNLIKE_COMMENT DISLIKE_COMMENT "
    "UNDO_DISLIKE_COMMENT DO_NOTHING PURCHASE_PRODUCT INTERVIEW JOIN_GROUP LEAVE_GROUP "
    "SEND_TO_GROUP CREATE_GROUP LISTEN_FROM_GROUP CREATE_VIDEO WATCH_VIDEO SKIP_VIDEO LIKE_VIDEO "
    "SHARE_VIDEO COMMENT_VIDEO DUET_VIDEO STITCH_VIDEO SEND_GIFT START_LIVE END_LIVE JOIN_LIVE "
    "LEAVE_LIVE UNLIKE_VIDEO SAVE_VIDEO NOT_INTERESTED"
).split()

HANDLED = (
    "EXIT REFRESH FOLLOW DO_NOTHING CREATE_VIDEO WATCH_VIDEO SKIP_VIDEO LIKE_VIDEO SHARE_VIDEO "
    "COMMENT_VIDEO UPDATE_REC_TABLE DUET_VIDEO STITCH_VIDEO REPORT_POST "
    "UNLIKE_VIDEO SAVE_VIDEO NOT_INTERESTED UNFOLLOW MUTE UNMUTE SIGNUP "
    "SEND_GIFT PURCHASE_PRODUCT "
    "CREATE_POST LIKE_POST UNLIKE_POST DISLIKE_POST UNDO_DISLIKE_POST REPOST QUOTE_POST "
    "CREATE_COMMENT LIKE_COMMENT UNLIKE_COMMENT DISLIKE_COMMENT UNDO_DISLIKE_COMMENT "
    "CREATE_GROUP JOIN_GROUP LEAVE_GROUP SEND_TO_GROUP LISTEN_FROM_GROUP "
    "SEARCH_USER SEARCH_POSTS TREND INTERVIEW START_LIVE END_LIVE JOIN_LIVE LEAVE_LIVE"
).split()

OASIS = (
    "exit refresh search_user search_posts create_post like_post unlike_post dislike_post "
    "undo_dislike_post report_post follow unfollow mute unmute trend sign_up repost quote_post "
    "update_rec_table create_comment like_comment unlike_comment dislike_comment "
    "undo_dislike_comment do_nothing purchase_product interview join_group leave_group "
    "send_to_group create_group listen_from_group"
).split()

# Emitter, subscribers and payload words of the specification's table of events.
SPECIFIED = {
    "SESSION_STARTED": ("user", "interaction platform", "energy"),
    "SESSION_ENDED": ("user", "platform", "cause impressions watch_ms"),
    "FEED_REQUESTED": ("user", "platform", "kind query"),
    "IMPRESSION_SERVED": (
        "platform", "interaction content", "request slot pool score propensity stage policy"
    ),
    "VIDEO_WATCHED": ("interaction", "user content platform", "watch_ms completion is_skipped"),
    "VIDEO_SKIPPED": ("interaction", "user content platform", "watch_ms"),
    "VIDEO_ENGAGED": ("interaction", "user content platform", "engagement text"),
    "PREFERENCE_UPDATED": ("user", "platform", "change cause"),
    "SOCIAL_GRAPH_UPDATED": ("user", "platform", "edge added"),
    "SOCIAL_ACTIVITY": ("user", "platform", "kind"),
    "TRANSACTION_COMPLETED": ("platform", "user", "kind amount_microusd"),
    "CONTENT_REPORTED": ("user", "platform", "toxicity reason"),
    "VIDEO_CREATED": (
        "content", "platform user", "category hashtag_1 hook_strength quality virality plan"
    ),
    "CONTENT_STATE_UPDATED": ("content", "platform", "impressions likes shares comments watch_ms"),
    "LIVE_STATE_CHANGED": ("platform", "user content", "change"),
    "EXPOSURE_STAGE_CHANGED": (
        "platform", "content", "from_stage to_stage engagement_rate velocity completion"
    ),
    "VIDEO_GOES_VIRAL": ("platform", "content user", "velocity amplification"),
    "TREND_STATE_CHANGED": ("platform", "content user", "key kind to_lifecycle"),
    "TREND_FORECAST_ISSUED": ("platform", "platform", "key confidence source"),
    "GOVERNANCE_ACTION_APPLIED": ("platform", "content interaction", "action target size guard"),
    "CAMPAIGN_PLAN_ISSUED": ("platform", "user content", "plan source"),
    "LLM_TIER_CHANGED": (
        "platform", "user content interaction platform", "task from_source to_source utilisation"
    ),
    "BUDGET_EXCEEDED": (
        "platform", "user content interaction platform", "budget_microusd spend_microusd task"
    ),
}  # fmt: skip


def test_there_are_the_48_actions_in_the_order_of_the_specification():
    assert list(ACTIONS) == ACTION_NAMES
    assert [a.number for a in ACTIONS.values()] == list(range(1, 49))


def test_there_are_the_23_events_in_the_order_of_the_specification():
    assert list(EVENTS) == list(SPECIFIED)
    assert [e.number for e in EVENTS.values()] == list(range(1, 24))


def test_exactly_the_actions_with_a_handler_say_so():
    assert {name for name, action in ACTIONS.items() if action.handled} == set(HANDLED)


@pytest.mark.parametrize("name", ACTION_NAMES)
def test_an_action_row_is_complete(name):
    row = ACTIONS[name].as_row()
    assert row["meaning"] and row["group"]
    assert row["origin"] in ("P", "O", "PO", "+")
    payload = [field["name"] for field in row["payload"]]
    assert payload[0] == "step"
    assert payload[1:2] == ([] if row["actor"] == "platform" else ["user"])
    assert all(field["unit"] and field["meaning"] for field in row["payload"])
    assert row["emits"] or name == "DO_NOTHING"


def test_origins_agree_with_the_names_of_oasis_and_of_the_paper():
    assert list(OASIS_ALIASES) == OASIS
    by_oasis = set(OASIS_ALIASES.values())
    assert {name for name, action in ACTIONS.items() if "O" in action.origin} == by_oasis
    assert all("P" in ACTIONS[name].origin for name in PAPER_ALIASES.values())


def test_platform_and_researcher_actions_are_no_users():
    assert ACTIONS["UPDATE_REC_TABLE"].actor == "platform"
    assert ACTIONS["INTERVIEW"].actor == "researcher"
    actors = {action.actor for action in ACTIONS.values()}
    assert actors == {"user", "creator", "platform", "researcher"}


@pytest.mark.parametrize("name", SPECIFIED)
def test_an_event_has_the_emitter_subscribers_and_payload_of_the_specification(name):
    producer, subscribers, payload = SPECIFIED[name]
    event = EVENTS[name]
    assert event.producer == producer
    assert set(subscribers.split()) <= set(event.consumers) <= set(TWINS)
    assert len(set(event.consumers)) == len(event.consumers)
    # The producer listens to itself only because its own columns change in handlers, and then first.
    extra = set(event.consumers) - set(subscribers.split())
    if producer in extra:
        assert event.consumers[0] == producer
    assert set(payload.split()) <= set(event.numpy_dtypes)


@pytest.mark.parametrize("name", SPECIFIED)
def test_an_event_row_is_complete_and_starts_with_step_and_user(name):
    event = EVENTS[name]
    names = [field.name for field in event.fields]
    assert names[0] == "step" and event.fields[0].dtype == "u4"
    assert "user" not in names or names[1] == "user"
    assert event.meaning and all(field.unit and field.meaning for field in event.fields)
    assert event.handler == f"on_{name.lower()}"


def test_no_event_carries_text_or_floating_money():
    for event in EVENTS.values():
        for field in event.fields:
            assert field.dtype != "str", (event.name, field.name)
            if "usd" in field.name:
                assert field.dtype == "u8" and field.unit == "micro-USD"


def test_every_event_is_emitted_by_an_action_or_by_a_routine_of_its_producer():
    emitted = {name for action in ACTIONS.values() for name in action.emits}
    by_routine = {
        "SESSION_STARTED",  # the user's activity
        "PREFERENCE_UPDATED",  # learning
        "CONTENT_STATE_UPDATED",  # counting
        "TREND_STATE_CHANGED",
        "TREND_FORECAST_ISSUED",
        "GOVERNANCE_ACTION_APPLIED",
        "CAMPAIGN_PLAN_ISSUED",
        "LLM_TIER_CHANGED",
        "BUDGET_EXCEEDED",
    }
    assert emitted | by_routine == set(EVENTS)
    assert not emitted & by_routine
