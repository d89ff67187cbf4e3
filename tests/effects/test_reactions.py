"""What people say about videos reaches the platform, and traits move what they say."""

import numpy as np
import pytest

from feedtwin.schema.codes import SocialActivityKind

pytestmark = pytest.mark.slow

SHAPE = {"users": 300, "steps": 24, "replicates": 8}
REPORTS = ("reactions.report_rate=0.2",)


def share_of(name):
    def measure(world):
        n = world.platform.telemetry.as_dict()
        return n[name] / n["impressions"]

    return measure


def following(world):
    return float(world.users.table.following_count.sum())


def agreement(world, said):
    """Mean cosine between the platform's estimates of people and the videos they spoke about."""
    user, item = (np.concatenate(part) for part in zip(*said, strict=True))
    estimate = world.platform.accounts.estimate[user] / 32512.0
    vector = world.content.table.vector[world.content.rows_of(item)] / 127.0
    norm = np.linalg.norm(estimate, axis=1) * np.linalg.norm(vector, axis=1)
    return float(((estimate * vector).sum(axis=1) / np.maximum(norm, 1e-9)).mean())


@pytest.mark.parametrize(
    ("signal", "rate", "kind", "sign"),
    [
        ("signal_not_interested", "not_interested_rate", "VIDEO_NOT_INTERESTED", -1),
        ("signal_saved", "save_rate", "VIDEO_SAVED", 1),
        ("signal_unliked", "unlike_rate", "VIDEO_UNLIKED", -1),
    ],
)
def test_the_platform_learns_from_what_is_said(paired, kernels, signal, rate, kind, sign):
    """Estimates at the end agree more, or less, with what people spoke about in the last twelve hours."""
    code = SocialActivityKind[kind]
    gaps = []
    for replicate in range(6):
        found = []
        for sets in ([f"platform.{signal}=0"], []):
            world = paired.run([*sets, f"reactions.{rate}=0.05"], replicate, kernels, users=600)
            said = []

            def note(published, said=said):
                for flat in published.batch.logged():
                    if flat.event == "SOCIAL_ACTIVITY":
                        which = flat.kind == code
                        said.append((flat.user[which], flat.item[which]))

            world.recorder = note
            for _ in range(12):
                world.step()
            found.append(agreement(world, said))
        gaps.append(found[1] - found[0])
    interval = paired.interval(gaps)
    assert interval.excludes_zero and interval.mean * sign > 0, interval


def test_unfollowing_thins_the_ties(paired, kernels):
    found = paired.effect(following, [], ["reactions.unfollow_rate=0.5"], kernels, **SHAPE)
    assert found.high < 0, found


def test_less_tolerance_and_more_toxic_videos_bring_more_reports(paired, kernels):
    strict = [*REPORTS, f"personas.tolerance_factor={[0.5] * 13}"]
    toxic = [*REPORTS, "content.toxicity_tail=4"]
    for treated in (strict, toxic):
        found = paired.effect(share_of("reports"), REPORTS, treated, kernels, **SHAPE)
        assert found.low > 0, (treated, found)


def test_who_likes_humour_is_shown_to_like_comedy(paired, kernels):
    """Behaviour tells the platform: its estimate of comedy goes with humour affinity."""

    def seen(world):
        users = world.users.table
        came = users.session > 0
        comedy = world.platform.accounts.estimate[came, 1].astype(float)
        return float(np.corrcoef(users.humor_affinity[came].astype(float), comedy)[0, 1])

    base, treated = ["population.humor_taste=0"], ["population.humor_taste=1"]
    shape = {"users": 500, "steps": 30, "replicates": 8}
    assert paired.effect(seen, base, treated, kernels, **shape).low > 0


def test_the_noise_of_offence_changes_nothing_while_nobody_reports(paired, kernels):
    assert paired.same_digest([], ["reactions.offence_noise=0.5"], kernels, users=100)
