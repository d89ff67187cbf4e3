"""Tasks keep their contract, and their stand-ins are good enough for a world without a model."""

from collections import Counter

import numpy as np
import pytest

from feedtwin.errors import SettingsError
from feedtwin.llm.decoding import Refused
from feedtwin.llm.task import TASKS, Task, task
from feedtwin.llm.tasks import campaign, caption, comment, trend
from feedtwin.llm.tasks.campaign import CampaignRequest, PastVideo, Plan, Trend
from feedtwin.llm.tasks.decision import CHOICES, NEVER_CHOSEN
from feedtwin.llm.tasks.trend import Series, TrendRequest
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.codes import LlmTask
from feedtwin.testing.dice import Dice
from feedtwin.testing.samples import sample_asks
from feedtwin.testing.tasks import check_task

NAMES = tuple(TASKS.names()) or ("none",)


def test_the_six_tasks_of_the_specification_are_listed():
    import feedtwin.llm.tasks  # noqa: F401

    assert TASKS.names() == [
        "ACTION_SELECTION", "CAPTION_GENERATION", "COMMENT_GENERATION", "CREATOR_CAMPAIGN",
        "PERSONA_GENERATION", "TREND_PREDICTION",
    ]  # fmt: skip
    assert {task(name).code for name in TASKS.names()} == set(LlmTask) - {LlmTask.ALL}


def test_an_unknown_task_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="CAPTION_GENERATION"):
        task("CAPTION_GENERATE")


@pytest.mark.parametrize("name", NAMES)
def test_a_task_keeps_its_contract(name):
    check_task(task(name), requests=80)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_task_is_a_request_that_the_stand_in_answers(name):
    kind = task(name)
    request = kind.example()
    words = kind.chance(Draws(1), [tuple(3 for _ in kind.key)])[0].tolist()
    assert isinstance(kind.surrogate(request, words), kind.response)


class Loose(type(task("COMMENT_GENERATION"))):
    """A task that keeps no contract in one way or another."""


def test_the_contract_check_sees_what_it_is_for():
    class Drawn(Loose):
        def surrogate(self, request, words):
            return super().surrogate(request, [next(numbers) * 2654435761 % 2**32])

    class Unstable(Loose):
        def normalise(self, request, response):
            return response.model_copy(update={"text": f"{response.text[:100]}!"})

    class Open(Loose):
        def narrow(self, schema, request):
            return schema

        @property
        def schema(self):
            return {"type": "object", "properties": {"text": {"type": "string"}}}

    class Told(Loose):
        @property
        def instruction(self):
            return f"obey {next(numbers)}"

    numbers = iter(range(10**6))
    for broken, message in (
        (Drawn, "not fixed by draws"), (Unstable, "not canonical"), (Open, "without max_length"),
        (Told, "prompts differ"),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match=message):
            check_task(broken(), requests=30)


def test_draws_of_stand_ins_belong_to_the_ask_and_to_nothing_else():
    kind: Task = task("PERSONA_GENERATION")
    few = kind.chance(Draws(5), [(3,), (9,)])
    many = kind.chance(Draws(5), [(k,) for k in range(12)])
    assert np.array_equal(few, many[[3, 9]])
    assert not np.array_equal(few, kind.chance(Draws(5, replicate=1), [(3,), (9,)]))
    assert np.array_equal(few[0, 1], Draws(5).bits(Stream.PERSONA_TEXT, 3, 1))


def test_captions_and_comments_of_many_are_numbers_that_spell_the_same_text():
    draws = Draws(11)
    user, creator = np.arange(5, dtype=np.uint32), np.full(5, 7, np.uint32)
    drawn = comment.codes(draws, user, creator, np.uint32(2), np.uint32(0))
    kind = task("COMMENT_GENERATION")
    request = kind.example()
    keys = [(int(one), 7, 2, 0) for one in user]
    for code, words in zip(drawn.tolist(), kind.chance(draws, keys).tolist(), strict=True):
        assert comment.comment_of(request, code) == kind.surrogate(request, words)
    kind = task("CAPTION_GENERATION")
    drawn = caption.codes(draws, creator, user)
    words = kind.chance(draws, [(7, int(one)) for one in user])
    assert drawn.tolist() == words[:, 0].tolist()


def test_comments_are_kinder_where_the_video_was_liked():
    kind = task("COMMENT_GENERATION")
    words = Dice(3).bits(2000).tolist()

    def tones(**how):
        request = kind.example().model_copy(update=how)
        return Counter(kind.surrogate(request, [word]).tone for word in words)

    liked = tones(is_liked=True)
    left = tones(is_liked=False, is_shared=False, completion_percent=10)
    assert liked["positive"] > 0.8 * len(words) and liked["negative"] == 0
    assert left["negative"] > left["positive"]


def test_stand_ins_write_many_different_texts():
    words = Dice(4).bits((400, 3)).tolist()
    personas = {
        task("PERSONA_GENERATION").surrogate(task("PERSONA_GENERATION").example(), one).bio
        for one in words
    }
    request = task("CAPTION_GENERATION").example()
    captions = {caption.caption_of(request, one[0]).model_dump_json() for one in words}
    assert len(personas) > 150 and len(captions) > 150


def test_a_personas_strongest_interest_is_its_field():
    kind = task("PERSONA_GENERATION")
    for own in Dice(5).bits((200, 3)).tolist():
        persona = kind.surrogate(kind.example(), own)
        assert persona.viewing_preferences[0].category == "dance"
        assert len(set(persona.core_traits)) == 5


# -- forecasts -----------------------------------------------------------------------------------


def waves(seed, count=40):
    """Velocities of hashtags: a few logistic waves in their first hours among steady and fading ones."""
    dice = Dice(seed)
    level, mid, top = (
        dice.uniform(2, 120, count),
        dice.uniform(4, 6, count),
        dice.uniform(150, 300, count),
    )
    noise = dice.normal((count, 5))
    hour, kind = np.arange(5), np.arange(count) % 8
    is_wave, is_fading = (kind == 0)[:, None], np.isin(kind, (1, 2))[:, None]
    wave = top[:, None] / (1 + np.exp(mid[:, None] - hour))
    mean = np.where(is_wave, wave, level[:, None] * np.where(is_fading, 0.8**hour, 1.0))
    posts = np.maximum(np.rint(mean + np.sqrt(mean) * noise), 0).astype(int)
    series = [
        Series(hashtag=f"tag_{k}", velocity=tuple(posts[k, :4].tolist())) for k in range(count)
    ]
    grows = is_wave[:, 0] & (mean[:, 4] > 1.4 * mean[:, 3])
    return TrendRequest(series=tuple(series)), {f"tag_{k}" for k in np.flatnonzero(grows)}


def precision(forecast, truth):
    """Share of the first entries, as many as there are waves, that are waves."""
    best = [one.hashtag for one in forecast.forecasts[: len(truth)]]
    return sum(name in truth for name in best) / max(len(truth), 1)


def test_the_stronger_predictor_finds_early_waves_and_the_papers_heuristic_the_loudest():
    cases = [waves(seed) for seed in range(60)]
    early = [precision(trend.early_forecast(request), truth) for request, truth in cases]
    naive = [precision(trend.naive_forecast(request), truth) for request, truth in cases]
    gain = np.asarray(early) - np.asarray(naive)
    # One-sided, false alarms at most 1 in 10,000 (3.7 standard errors).
    assert gain.mean() > 3.7 * gain.std(ddof=1) / len(gain) ** 0.5
    assert np.mean(early) > 0.5


def test_steady_and_falling_hashtags_are_no_early_trends():
    request = TrendRequest(
        series=(
            Series(hashtag="steady", velocity=(50, 52, 49, 51)),
            Series(hashtag="falling", velocity=(90, 70, 50, 30)),
            Series(hashtag="slowing", velocity=(2, 30, 60, 40)),
            Series(hashtag="rising", velocity=(1, 3, 8, 20)),
        )
    )
    assert [one.hashtag for one in trend.early_forecast(request).forecasts] == ["rising"]
    assert trend.naive_forecast(request).forecasts[0].hashtag == "steady"


def test_a_forecast_counts_a_hashtag_once_and_never_one_of_no_telemetry():
    kind = task("TREND_PREDICTION")
    request = kind.example()
    ones = [f'{{"hashtag":"pets_3","confidence":{c},"rationale":"r"}}' for c in (-3, 7.7)]
    twice = f'{{"forecasts":[{",".join(ones)}]}}'
    found = kind.read(request, twice)
    assert [(one.hashtag, one.confidence) for one in found.forecasts] == [("pets_3", 1.0)]
    with pytest.raises(Refused, match="not offered"):
        kind.read(request, twice.replace("pets_3", "other_run"))


# -- plans ---------------------------------------------------------------------------------------


def plan_request(**changes):
    return task("CREATOR_CAMPAIGN").example().model_copy(update=changes)


def video(category, **how):
    usual = {"views": 1000, "likes": 50, "retention_percent": 40}
    return PastVideo(category=category, title="x", **{**usual, **how})


def test_the_papers_planner_is_discovery_interaction_conversion_whatever_happened():
    base = campaign.fixed_plan(plan_request())
    assert [day.cta for day in base.days] == ["follow", "comment", "join_live"]
    assert [day.day_offset for day in base.days] == [0, 1, 2]
    other = plan_request(history=(video("pets", likes=900),), trends=())
    assert campaign.fixed_plan(other) == base


def test_the_stronger_planner_rides_a_growing_trend_and_not_a_fading_one():
    words = (1, 2, 3)
    growing = Trend(
        hashtag="dance_9", category="dance", posts_per_hour=9, growth_percent=80, phase="emergence"
    )
    fading = growing.model_copy(update={"hashtag": "dance_8", "phase": "decline"})
    plan = campaign.trend_aware_plan(plan_request(trends=(fading, growing)), words)
    assert plan.days[0].hashtags[0] == "dance_9" and plan.days[2].hashtags[0] != "dance_9"
    plan = campaign.trend_aware_plan(plan_request(trends=(fading,)), words)
    assert all("dance_8" not in day.hashtags for day in plan.days)


def test_the_stronger_planner_returns_to_what_worked_but_not_for_one_lucky_video():
    words = (1, 2, 3)
    strong = plan_request(
        history=(video("pets", likes=400, retention_percent=80), video("dance")), trends=()
    )
    assert campaign.trend_aware_plan(strong, words).days[2].category == "pets"
    lucky = plan_request(
        history=(
            video("pets", views=3, likes=3, retention_percent=100),
            *(video("dance", likes=120),) * 3,
        ),
        trends=(),
    )
    assert campaign.trend_aware_plan(lucky, words).days[2].category == "dance"


def test_a_plan_uses_only_channels_that_exist():
    kind = task("CREATOR_CAMPAIGN")
    request = plan_request(channels=())
    for words in Dice(6).bits((50, 3)).tolist():
        for plan in (kind.surrogate(request, words), campaign.fixed_plan(request)):
            assert isinstance(plan, Plan)
            assert all(day.live_slot == -1 for day in plan.days)
            assert not {"join_live", "send_gift", "buy"} & {day.cta for day in plan.days}


def test_a_plan_has_exactly_three_days():
    kind: Task[CampaignRequest, Plan] = task("CREATOR_CAMPAIGN")
    day = campaign.fixed_plan(plan_request()).days[0].model_dump_json()
    for count in (0, 1, 2, 4, 300):
        with pytest.raises(Refused):
            kind.read(plan_request(), f'{{"days":[{",".join([day] * count)}]}}')
    three = kind.read(plan_request(), f'{{"days":[{day},{day},{day}]}}')
    assert [one.day_offset for one in three.days] == [0, 1, 2]


# -- decisions -----------------------------------------------------------------------------------


def test_nobody_chooses_what_is_not_a_users_to_choose():
    assert len(CHOICES) == len(ACTIONS) - len(NEVER_CHOSEN) == 45
    kind = task("ACTION_SELECTION")
    request = kind.example()
    options = (request.options[0].model_copy(update={"action": "UPDATE_REC_TABLE"}),)
    with pytest.raises(Refused, match="nobody chooses"):
        kind.read(
            request.model_copy(update={"options": options}),
            '{"choice":"0 UPDATE_REC_TABLE","text":"","reason":"x"}',
        )


def test_the_rule_based_user_follows_its_leanings():
    kind = task("ACTION_SELECTION")
    request = kind.example()
    total = sum(one.leaning for one in request.options)
    words = Dice(8).bits(20_000).tolist()
    found = Counter(kind.surrogate(request, [word]).option for word in words)
    for index, option in enumerate(request.options):
        share = option.leaning / total
        error = (share * (1 - share) / len(words)) ** 0.5
        assert abs(found[index] / len(words) - share) < 5 * error


def test_text_stays_only_where_the_action_takes_one():
    kind = task("ACTION_SELECTION")
    request = kind.example()
    like = kind.read(request, '{"choice":"0 LIKE_VIDEO","text":"hello","reason":"x"}')
    said = kind.read(request, '{"choice":"1 COMMENT_VIDEO","text":" hello ","reason":"x"}')
    assert (like.text, said.text) == ("", "hello")


def test_every_generated_request_has_a_key_of_its_own():
    asks = sample_asks(task("COMMENT_GENERATION"), 50, seed=1)
    assert len({ask.name for ask in asks}) == 50
