"""Memory matters for behaviour: what the ablation costs, and what decay, spacing and consolidation do."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow

SHAPE = {"users": 300, "steps": 72, "replicates": 8}
NO_TOPIC = 0xFFFF
STRONG = ("user.consolidation_rate=0.1",)
"""Consolidation in days instead of weeks, so that three days show it; in both arms."""


def completion(world):
    n = world.platform.telemetry.as_dict()
    return n["completion_milli"] / n["impressions"]


def skips(world):
    n = world.platform.telemetry.as_dict()
    return n["skips"] / n["impressions"]


def recency(world):
    """Mean cosine between what people are interested in and the topic that they last took in."""
    users, topics = world.users.table, world.content.categories.vectors / 127.0
    step = np.where(users.trace_topic == NO_TOPIC, -(10**6), users.trace_step)
    last = users.trace_topic[np.arange(len(step)), step.argmax(axis=1)]
    came = last != NO_TOPIC
    interest, topic = users.interests[came] / 127.0, topics[last[came]]
    norm = np.linalg.norm(interest, axis=1) * np.linalg.norm(topic, axis=1)
    return float(((interest * topic).sum(axis=1) / np.maximum(norm, 1e-9)).mean())


def concentration(world):
    """Mean Herfindahl index of long-term taste over the categories."""
    taste = world.users.table.taste[:, : world.content.categories.count].astype(float)
    share = taste / taste.sum(axis=1, keepdims=True)
    return float((share**2).sum(axis=1).mean())


def test_with_memory_people_watch_more_of_a_video_and_skip_fewer(paired, kernels):
    none, two = ["user.memory=none"], ["user.memory=two_store"]
    more = paired.effect(completion, none, two, kernels, **SHAPE)
    fewer = paired.effect(skips, none, two, kernels, **SHAPE)
    assert more.low > 0 and fewer.high < 0, (more, fewer)


def test_with_memory_interests_follow_what_was_last_seen(paired, kernels):
    found = paired.effect(recency, ["user.memory=none"], [], kernels, **SHAPE)
    assert found.low > 0, found


def test_interests_that_fade_slowly_follow_recent_topics_more(paired, kernels):
    quick, slow = ["user.interest_tau_steps=1"], ["user.interest_tau_steps=48"]
    found = paired.effect(recency, quick, slow, kernels, **SHAPE)
    assert found.low > 0, found


def test_traces_that_decay_slowly_consolidate_more(paired, kernels):
    quick, slow = [*STRONG, "user.trace_tau_steps=6"], [*STRONG, "user.trace_tau_steps=96"]
    assert paired.effect(recency, quick, slow, kernels, **SHAPE).low > 0
    assert paired.effect(concentration, quick, slow, kernels, **SHAPE).high < 0


def test_the_spacing_effect_makes_more_of_what_is_met_again(paired, kernels):
    without, with_it = [*STRONG, "user.spacing_effect=0"], [*STRONG, "user.spacing_effect=2"]
    assert paired.effect(recency, without, with_it, kernels, **SHAPE).low > 0
    assert paired.effect(concentration, without, with_it, kernels, **SHAPE).high < 0


def test_consolidation_turns_what_is_remembered_into_taste(paired, kernels):
    found = paired.effect(recency, ["user.consolidation_rate=0"], STRONG, kernels, **SHAPE)
    assert found.low > 0, found


def test_without_memory_its_numbers_change_nothing(paired, kernels):
    none = ["user.memory=none", "user.interest_tau_steps=6"]
    placebo = ["user.memory=none", "user.interest_tau_steps=50", "user.consolidation_rate=0.3"]
    assert paired.same_digest(none, placebo, kernels, users=100)
