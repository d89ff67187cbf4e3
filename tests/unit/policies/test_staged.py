"""Every gate of staged promotion, just below and just above its threshold, in both presets."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.policies.promotion import Staged, StagedSettings, Unstaged
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import resolve

INITIAL, EXPANDED, VIRAL, LIMITED = 0, 1, 2, 3


class Table(SimpleNamespace):
    """Columns, as long as their first."""

    def __len__(self):
        return len(self.item)


def _policy(preset=None, cls=Staged, **changes):
    section = resolve("synthetic", preset=preset).section("promotion")
    return cls(section_model(StagedSettings, {**section, **changes}))


def _view(step=100, active=1000, **columns):
    """One video per entry of the longest column."""
    defaults = {
        "stage": INITIAL, "stage_step": 100, "velocity": 0.0, "impressions": 0, "likes": 0,
        "shares": 0, "comments": 0, "completions": 0, "is_public": 1,
    }  # fmt: skip
    values = {**defaults, **columns}
    size = max(np.size(value) for value in values.values())
    types = {
        "stage": np.uint8,
        "stage_step": np.int32,
        "velocity": np.float32,
        "is_public": np.uint8,
    }
    table = {
        name: np.broadcast_to(np.asarray(value), (size,)).astype(types.get(name, np.uint32))
        for name, value in values.items()
    }
    table["item"] = np.arange(size, dtype=np.uint64)[::-1].copy()
    one = Table(**table)
    return SimpleNamespace(step=step, items=one, catalogue=one, active_users=active)


def _moves(view, policy=None):
    due = (policy or _policy()).due(view)
    return dict(zip(due.row.tolist(), due.to_stage.tolist(), strict=True))


def test_a_test_is_judged_when_its_audience_is_complete_and_not_before():
    view = _view(impressions=[99, 100, 101], likes=50)
    assert _moves(view) == {1: EXPANDED, 2: EXPANDED}


def test_a_test_is_judged_when_its_time_is_over_with_whatever_audience():
    view = _view(stage_step=[29, 28], impressions=10, likes=5)
    assert _moves(view) == {1: EXPANDED}


@pytest.mark.parametrize("kind", ["likes", "shares", "comments"])
def test_the_engagement_gate_is_crossed_above_fifteen_percent_by_any_engagement(kind):
    view = _view(impressions=100, **{kind: [14, 15, 16]})
    assert _moves(view) == {0: LIMITED, 1: LIMITED, 2: EXPANDED}


def test_engagements_of_all_kinds_add_up():
    view = _view(impressions=100, likes=6, shares=5, comments=5)
    assert _moves(view) == {0: EXPANDED}


def test_nobody_was_shown_anything_and_the_time_is_over():
    assert _moves(_view(stage_step=0, impressions=0)) == {0: LIMITED}


def test_the_viral_gate_asks_for_velocity_per_thousand_active_users():
    policy = _policy()
    gate = policy.settings.velocity_gate
    fast = {"stage": EXPANDED, "completions": 50, "impressions": 100, "likes": 50}
    velocity = np.float32([gate * 2 - 0.01, gate * 2 + 0.01])
    assert _moves(_view(active=2000, velocity=velocity, **fast)) == {1: VIRAL}
    assert _moves(_view(active=1990, velocity=velocity, **fast)) == {0: VIRAL, 1: VIRAL}
    assert _moves(_view(active=2010, velocity=velocity, **fast)) == {}


def test_the_gate_per_thousand_is_the_paper_s_at_its_ten_thousand_agents():
    relative, absolute = _policy(), _policy("paper_literal")
    view = _view(active=10_000)
    assert relative.velocity_gate(view) == absolute.velocity_gate(view) == 100


def test_the_literal_gate_is_in_events_per_hour_whoever_is_active():
    policy = _policy("paper_literal")
    fast = {"stage": EXPANDED, "completions": 50, "impressions": 100, "likes": 50}
    for active in (10, 1_000_000):
        view = _view(active=active, velocity=[99.9, 100.1], **fast)
        assert _moves(view, policy) == {1: VIRAL}


def test_the_viral_gate_asks_for_completion_too():
    view = _view(stage=EXPANDED, velocity=1000, impressions=100, likes=50, completions=[35, 36])
    assert _moves(view) == {1: VIRAL}


def test_an_expanded_video_that_fails_its_second_test_is_limited_and_one_that_passes_stays():
    view = _view(stage=EXPANDED, impressions=[499, 500, 500], likes=[0, 0, 76])
    assert _moves(view) == {1: LIMITED}


def test_taking_off_outranks_failing():
    view = _view(stage=EXPANDED, velocity=1000, impressions=500, completions=400)
    assert _moves(view) == {0: VIRAL}


def test_a_limited_video_that_takes_off_gets_its_second_chance():
    view = _view(stage=LIMITED, velocity=[0, 1000], impressions=100, completions=90)
    assert _moves(view) == {1: EXPANDED}


def test_a_viral_run_ends_after_its_time():
    hours = _policy().settings.viral_steps
    view = _view(
        stage=VIRAL, stage_step=[100 - hours + 1, 100 - hours], velocity=1000, impressions=9
    )
    assert _moves(view) == {1: EXPANDED}


def test_a_hidden_video_is_never_judged():
    view = _view(stage_step=0, impressions=1000, likes=900, is_public=[0, 1])
    assert _moves(view) == {1: EXPANDED}


def test_changes_come_in_the_order_of_item_ids():
    due = _policy().due(_view(stage_step=0, impressions=[1, 1, 1]))
    assert due.row.tolist() == [2, 1, 0]


def test_the_appendix_asks_for_other_audiences():
    settings = _policy("paper_appendix").settings
    assert 200 <= settings.initial_audience <= 500
    view = _view(impressions=[settings.initial_audience - 1, settings.initial_audience], likes=200)
    assert _moves(view, _policy("paper_appendix")) == {1: EXPANDED}


def test_viral_videos_are_amplified_and_failed_ones_held_back():
    boost = _policy(amplification=0.4, limited_penalty=0.2).boost(_view(stage=[0, 1, 2, 3]))
    np.testing.assert_allclose(boost, [0, 0, 0.4, -0.2])
    assert boost.dtype == np.float32


def test_without_stages_every_public_upload_counts_as_tested_at_once():
    policy = _policy(cls=Unstaged)
    view = _view(stage=[0, 1, 3, 0], is_public=[1, 1, 1, 0])
    assert _moves(view, policy) == {0: EXPANDED}
    assert not policy.boost(view).any()
