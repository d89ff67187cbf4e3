"""What predictors, strategies and planners answer to hand-made trends."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.policies.campaigns import CampaignSettings, NoCampaigns, Template, TrendAware
from feedtwin.policies.campaigns.template import usual_hashtags
from feedtwin.policies.forecast import ForecastSettings, Heuristic, Rules
from feedtwin.policies.governance import GovernanceSettings, NoControl, Proactive, Reactive
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import resolve

HASHTAG, SOUND, CATEGORY = 1, 2, 3
NONE, EMERGENCE, PEAK, DECLINE = range(4)


def settings(model, section, **changes):
    return section_model(model, {**resolve("synthetic").section(section), **changes})


def view(trends=(), forecast=(), interventions=(), **tables):
    """Trends are (kind, key, velocities from now back, lifecycle); forecasts (kind, key, confidence)."""
    kind, key, velocity, lifecycle = zip(*trends, strict=True) if trends else ((), (), (), ())
    now = np.array([v[0] for v in velocity], np.float32)
    columns = SimpleNamespace(
        kind=np.array(kind, np.uint8),
        key=np.array(key, np.uint32),
        velocity=np.array(velocity, np.float32).reshape(-1, 4),
        lifecycle=np.array(lifecycle, np.uint8),
        usual=np.full(len(key), 10.0, np.float32),
        volume=(now * 6).astype(np.uint32),
    )
    listed = zip(*forecast, strict=True) if forecast else ((), (), ())
    running = zip(*interventions, strict=True) if interventions else ((), (), (), ())
    names = ("action", "target_kind", "target", "until_step")
    return SimpleNamespace(
        step=100,
        active_users=1000,
        trends=columns,
        forecast=SimpleNamespace(
            **dict(zip(("kind", "key", "confidence"), map(np.array, listed), strict=True))
        ),
        interventions=SimpleNamespace(**dict(zip(names, map(np.array, running), strict=True))),
        **tables,
    )


def keys(answer):
    return [(int(kind), int(key)) for kind, key in zip(answer.kind, answer.key, strict=True)]


GROWING = (HASHTAG, 5, (20.0, 12.0, 9.0, 8.0), NONE)
FADING_GROWTH = (HASHTAG, 6, (20.0, 19.0, 14.0, 8.0), NONE)
STABLE = (HASHTAG, 7, (30.0, 30.0, 30.0, 30.0), NONE)
FALLING = (HASHTAG, 8, (10.0, 20.0, 30.0, 40.0), EMERGENCE)
AT_PEAK = (HASHTAG, 9, (90.0, 50.0, 30.0, 20.0), PEAK)


# -- forecasts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [Heuristic, Rules])
def test_predictors_list_what_grows_and_neither_what_is_stable_nor_what_falls_nor_what_has_peaked(
    cls,
):
    policy = cls(settings(ForecastSettings, "forecast"))
    answer = policy.forecast(
        view([GROWING, STABLE, FALLING, AT_PEAK, (CATEGORY, 0, (200.0,) * 4, 0)])
    )
    assert keys(answer) == [(HASHTAG, 5)]
    assert 0 < answer.confidence[0] <= 1


def test_the_stronger_predictor_wants_growth_that_speeds_up_and_the_naive_one_does_not_care():
    trends = [GROWING, FADING_GROWTH, *((HASHTAG, 50 + k, (20.0,) * 4, NONE) for k in range(9))]
    assert keys(Heuristic(settings(ForecastSettings, "forecast")).forecast(view(trends))) == [
        (HASHTAG, 5), (HASHTAG, 6),
    ]  # fmt: skip
    assert keys(Rules(settings(ForecastSettings, "forecast")).forecast(view(trends))) == [
        (HASHTAG, 5)
    ]


def test_the_stronger_predictor_sees_no_room_where_a_key_has_the_market():
    policy = Rules(settings(ForecastSettings, "forecast", saturation=0.5))
    crowd = [(HASHTAG, 50 + k, (20.0,) * 4, NONE) for k in range(9)]
    in_a_crowd = policy.forecast(view([GROWING, *crowd])).confidence[0]
    assert keys(policy.forecast(view([GROWING, (HASHTAG, 50, (10.0,) * 4, NONE)]))) == []
    few = policy.forecast(view([GROWING, *crowd[:2]])).confidence[0]
    assert 0 < few < in_a_crowd


def test_faster_growth_gives_more_confidence_and_the_order_of_keys_none():
    policy = Rules(settings(ForecastSettings, "forecast"))
    crowd = [(HASHTAG, 50 + k, (20.0,) * 4, NONE) for k in range(300)]
    faster = (HASHTAG, 3, (30.0, 14.0, 9.0, 8.0), NONE)
    answer = policy.forecast(view([GROWING, faster, *crowd]))
    assert keys(answer) == [(HASHTAG, 3), (HASHTAG, 5)]
    assert answer.confidence[0] > answer.confidence[1]
    turned = policy.forecast(view([*crowd[::-1], faster, GROWING]))
    assert keys(turned) == keys(answer)
    assert turned.confidence.tolist() == answer.confidence.tolist()


def test_a_forecast_is_no_longer_than_its_size_and_ties_go_to_the_lower_key():
    policy = Heuristic(settings(ForecastSettings, "forecast", size=2))
    same = [(HASHTAG, key, (20.0, 12.0, 9.0, 8.0), NONE) for key in (9, 4, 6)]
    assert keys(policy.forecast(view(same))) == [(HASHTAG, 4), (HASHTAG, 6)]


# -- strategies ------------------------------------------------------------------------------------


def targets(wishes):
    return [(wish.action, wish.target_kind, wish.target, wish.size) for wish in wishes]


def test_no_control_asks_for_nothing():
    assert NoControl(settings(GovernanceSettings, "governance")).decide(view([AT_PEAK])) == []


def test_reactive_control_boosts_the_fastest_hashtags_above_the_gate():
    policy = Reactive(settings(GovernanceSettings, "governance", boost_gate=20.0, boosts_max=2))
    trends = [GROWING, STABLE, AT_PEAK, (SOUND, 1, (99.0,) * 4, 1), (HASHTAG, 2, (30.0,) * 4, 0)]
    assert targets(policy.decide(view(trends))) == [(1, 3, 9, 2.0), (1, 3, 2, 2.0)]
    absolute = settings(
        GovernanceSettings, "governance", gates="absolute", boost_gate_absolute=89.0
    )
    assert [wish.target for wish in Reactive(absolute).decide(view(trends))] == [9]


def test_the_reactive_gate_follows_the_population():
    policy = Reactive(settings(GovernanceSettings, "governance", boost_gate=20.0))
    seen = view([STABLE])
    assert policy.decide(seen)
    seen.active_users = 2000
    assert not policy.decide(seen)


def test_proactive_control_boosts_the_surest_forecast_hashtags_and_reads_no_velocity():
    policy = Proactive(settings(GovernanceSettings, "governance", confidence_gate=0.4))
    forecast = [(HASHTAG, 5, 0.5), (HASHTAG, 6, 0.9), (HASHTAG, 7, 0.3), (SOUND, 8, 0.99)]
    assert [wish.target for wish in policy.decide(view([AT_PEAK], forecast))] == [6, 5]


@pytest.mark.parametrize("cls", [Reactive, Proactive])
def test_what_is_boosted_already_is_not_asked_for_again(cls):
    policy = cls(settings(GovernanceSettings, "governance"))
    trends, forecast = [AT_PEAK], [(HASHTAG, 9, 0.9)]
    for until, asked in ((101, 0), (100, 1)):
        running = [(1, 3, 9, until)]
        assert len(policy.decide(view(trends, forecast, running))) == asked


# -- campaigns -------------------------------------------------------------------------------------


class Items(SimpleNamespace):
    def __len__(self):
        return len(self.creator)


@pytest.fixture
def market():
    """Creators 0 and 1 in category 2; creator 1's videos in category 3 do better."""
    items = Items(
        creator=np.array([0, 0, 1, 1, 1, 9], np.uint32),
        ordinal=np.array([0, 1, 0, 1, 2, 0], np.uint32),
        category=np.array([2, 2, 2, 3, 3, 2], np.uint16),
        hashtags=np.array(
            [[11, 12, 0], [11, 0, 0], [13, 12, 0], [21, 0, 0], [21, 0, 0], [14, 0, 0]], np.uint16
        ),
        is_public=np.array([1, 1, 1, 1, 1, 0], np.uint8),
        impressions=np.array([100, 100, 100, 100, 100, 0], np.uint32),
        completions=np.array([30, 20, 5, 60, 70, 0], np.uint32),
        likes=np.zeros(6, np.uint32), shares=np.zeros(6, np.uint32),
        comments=np.zeros(6, np.uint32), skips=np.array([10, 10, 50, 5, 5, 0], np.uint32),
    )  # fmt: skip
    users = SimpleNamespace(expertise=np.array([2, 2, 5], np.uint16))
    return {"items": items, "users": users}


CREATORS = np.array([0, 1, 2], np.uint32)


def test_the_usual_hashtags_of_a_category_are_its_most_used_in_public(market):
    usual = usual_hashtags(view(**market))
    assert usual[2].tolist() == [11, 12, 13] and usual[3].tolist() == [21, 0, 0]
    assert usual[5].tolist() == [0, 0, 0]


def test_the_template_is_three_days_of_discovery_interaction_and_conversion(market):
    plan = Template(settings(CampaignSettings, "campaigns")).plan(view(**market), CREATORS)
    assert plan.category.tolist() == [[2] * 3, [2] * 3, [5] * 3]
    assert plan.hashtag.tolist() == [[11, 12, 13], [11, 12, 13], [0, 0, 0]]
    assert plan.text[0].tolist() == plan.call[0].tolist() == [1, 2, 3]
    assert plan.live[0].tolist() == [0, 0, 1] and plan.uploads[0].tolist() == [1, 2, 1]


def test_the_template_reads_neither_trends_nor_results(market):
    policy = Template(settings(CampaignSettings, "campaigns"))
    seen = view(**market)
    seen.trends = seen.forecast = None
    del market["items"].completions
    assert policy.plan(seen, CREATORS).uploads.shape == (3, 3)


def test_a_trend_aware_plan_rides_trends_in_the_category_that_worked(market):
    policy = TrendAware(settings(CampaignSettings, "campaigns"))
    trends = [AT_PEAK, (HASHTAG, 5, (20.0,) * 4, EMERGENCE), (SOUND, 77, (9.0,) * 4, PEAK), STABLE]
    plan = policy.plan(view(trends, **market), CREATORS)
    assert plan.category[:, 0].tolist() == [2, 3, 5]  # own field, what worked, no videos yet
    assert plan.hashtag[0].tolist() == [
        5,
        9,
        13,
    ]  # the emerging one first, then the peak, then usual
    assert (plan.sound == 77).all()
    assert plan.uploads[:, 0].tolist() == [1, 2, 1]  # who did best rides early with one more


def test_without_trends_a_trend_aware_plan_keeps_the_usual_hashtags(market):
    plan = TrendAware(settings(CampaignSettings, "campaigns")).plan(view(**market), CREATORS)
    assert plan.hashtag.tolist() == [[11, 12, 13], [11, 12, 13], [0, 0, 0]]
    assert plan.uploads[:, 0].tolist() == [1, 1, 1]


def test_only_the_latest_videos_count_as_results(market):
    market["items"].completions[4] = 0
    market["items"].skips[4] = 99
    policy = TrendAware(settings(CampaignSettings, "campaigns", history=1))
    assert policy._results(view(**market), CREATORS)[1].tolist() == [100, -990, 0]
    longer = TrendAware(settings(CampaignSettings, "campaigns", history=2))
    assert longer._results(view(**market), CREATORS)[1].tolist() == [150, -220, 0]


def test_no_campaigns_plan_nothing(market):
    plan = NoCampaigns(settings(CampaignSettings, "campaigns")).plan(view(**market), CREATORS)
    assert not plan.uploads.any() and (plan.category == 0xFFFF).all()
