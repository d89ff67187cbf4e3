"""Who lives in a synthetic world, and how often they post."""

import numpy as np
import pytest

from feedtwin.columns import Columns
from feedtwin.kernels.binding import load
from feedtwin.twins.user import UserTwin
from feedtwin.twins.user.population import initial_ties, synthetic_users
from feedtwin.twins.user.table import USERS
from feedtwin.twins.user.ties import Ties


@pytest.fixture(scope="module")
def people(settings, user_config, categories, draws):
    def make(count, chance=draws, config=user_config):
        return synthetic_users(
            count, config, settings.section("population"), settings.section("personas"),
            categories.vectors, chance,
        )  # fmt: skip

    return make


def test_nine_of_ten_are_consumers_and_the_tiers_follow_their_shares(people):
    """20,000 users, 5 standard errors per tier."""
    tier = people(20_000)["tier"]
    for code, share in enumerate([0.002, 0.018, 0.08, 0.9]):
        error = (share * (1 - share) / 20_000) ** 0.5
        assert (tier == code).mean() == pytest.approx(share, abs=5 * error), code


def test_a_person_is_the_same_in_a_larger_population(people):
    few, many = people(300), people(301)
    for name, values in few.items():
        np.testing.assert_array_equal(values, many[name][:300], err_msg=name)


def test_traits_lie_within_their_units(people):
    found = people(3000)
    assert found["taste"].min() >= 0
    assert found["taste"].max() <= 127 * 256
    assert found["interests"].min() >= 0
    assert found["attention_span_s"].min() >= np.float32(0.1)
    assert found["attention_span_s"].max() <= 120
    assert found["activity"].min() > 0
    assert found["activity"].mean() == pytest.approx(1.0, abs=0.08)
    assert set(np.unique(found["patience"])) == set(range(5, 24))  # 7 to 18 times 0.7 to 1.3
    assert set(np.unique(found["age_group"])) == set(range(6))


def test_one_more_consumer_takes_over_no_tie(settings, people, draws):
    population = settings.section("population")
    tier = people(400)["tier"]
    one = initial_ties(400, tier, population, draws)
    more = initial_ties(401, np.append(tier, 3).astype(np.uint8), population, draws)
    assert one.user[: one.offset[400]].tolist() == more.user[: more.offset[400]].tolist()


def test_audiences_grow_with_the_tier(settings, people, draws):
    tier = people(4000)["tier"]
    ties = initial_ties(4000, tier, settings.section("population"), draws)
    followers = ties.follower_counts()
    means = [followers[tier == code].mean() for code in range(4)]
    assert means[0] > means[1] > means[2] > means[3] == 0


def test_tiers_and_their_upload_rates_lie_on_one_power_law(settings, user_config):
    """P(rate >= r) = 0.1 (r / 0.08)^-1.44, as documented; the exponent by least squares on logs."""
    shares = np.cumsum(settings.section("population")["tier_shares"][:3])
    rates = np.asarray(user_config.uploads_per_day[:3])
    slope, level = np.polyfit(np.log(rates), np.log(shares), 1)
    assert slope == pytest.approx(-1.44, abs=0.02)
    residual = np.log(shares) - (slope * np.log(rates) + level)
    assert np.abs(residual).max() < 0.03
    assert shares[-1] == pytest.approx(0.1, abs=0.001)


def test_a_population_follows_the_power_law_and_nine_of_ten_never_post(people):
    """60,000 users: the share at or above each rate within 5 standard errors."""
    rate = people(60_000)["upload_rate"]
    for level in (0.08, 0.24, 1.2):
        share = 0.1 * (level / 0.08) ** -1.44
        error = (share / 60_000) ** 0.5
        assert (rate >= np.float32(level)).mean() == pytest.approx(share, abs=5 * error), level
    assert (rate == 0).mean() == pytest.approx(0.9, abs=0.007)


def test_ages_follow_their_shares(settings, people):
    """20,000 users, 5 standard errors per group."""
    population = settings.section("population")
    minors, adults = population["minor_share"], population["adult_age_shares"]
    age = people(20_000)["age_group"]
    for code, share in enumerate([minors, *((1 - minors) * np.asarray(adults))]):
        error = (share * (1 - share) / 20_000) ** 0.5
        assert (age == code).mean() == pytest.approx(share, abs=5 * error), code


def test_templates_move_their_people_s_traits_and_leave_the_mean_person_s_activity(
    settings, people
):
    found, personas = people(20_000), settings.section("personas")
    names = personas["names"]
    weights = np.asarray(personas["shares"])

    def of(name, column):
        return found[column][found["persona"] == names.index(name)].astype(float)

    assert of("hypebeast", "stamina_s").mean() < 0.8 * of("gamer", "stamina_s").mean()
    assert (
        of("critic", "toxicity_tolerance").mean() < 0.7 * of("gamer", "toxicity_tolerance").mean()
    )
    assert of("critic", "comment_logit").mean() > of("grazer", "comment_logit").mean() + 0.5
    for factor in ("activity_factor", "stamina_factor", "patience_factor"):
        assert weights @ personas[factor] == pytest.approx(1.0, abs=0.02), factor


def test_humour_leans_toward_comedy_and_leaves_its_mean(settings, people):
    found = people(20_000)
    comedy = found["taste"][:, settings.section("population")["humor_category"]].astype(float)
    serious, amused = found["humor_affinity"] < 64, found["humor_affinity"] >= 192
    assert comedy[amused].mean() > 1.2 * comedy[serious].mean()


# -- uploads ---------------------------------------------------------------------------------------


def _uploads(config, rates, days, draws):
    columns = Columns(USERS, len(rates))
    with columns.writing():
        columns.upload_rate[:] = rates
    nobody = np.zeros(0, np.uint32)
    twin = UserTwin(config, columns, Ties(nobody, nobody, len(rates)), draws, load("numpy"))
    found = np.zeros((days * 24, len(rates)), int)
    for step in range(days * 24):
        uploaders = twin._uploads(step)
        assert (np.diff(uploaders.astype(np.int64)) >= 0).all()
        found[step] = np.bincount(uploaders, minlength=len(rates))
    return found


@pytest.mark.parametrize("rate", [1.2, 0.24, 0.08, 3.0, 30.0])
def test_creators_upload_at_their_rate(user_config, draws, rate):
    """500 creators, 4 days: the mean within 5 standard errors of the rounding draw."""
    found = _uploads(user_config, np.full(500, rate, np.float32), 4, draws)
    part = rate % 1
    error = (part * (1 - part) / 2000) ** 0.5
    assert found.sum() / 2000 == pytest.approx(rate, abs=5 * error + 1e-6)
    per_day = found.reshape(4, 24, 500).sum(axis=1)
    assert set(np.unique(per_day)) <= {int(rate), int(rate) + 1}


def test_consumers_never_upload(user_config, draws, people):
    found = people(2000)
    assert (found["upload_rate"][found["tier"] == 3] == 0).all()
    assert not _uploads(user_config, np.zeros(50, np.float32), 2, draws).any()


def test_uploads_of_a_day_are_spread_over_its_hours(user_config, draws):
    found = _uploads(user_config, np.full(300, 4.0, np.float32), 2, draws)
    assert found.max() == 1
    by_hour = found.reshape(2, 24, 300).sum(axis=(0, 2))
    assert by_hour.min() > 0


# -- ties ------------------------------------------------------------------------------------------


def _pairs(ties):
    return {
        (int(f), int(u))
        for f in range(ties.users)
        for u in ties.user[ties.offset[f] : ties.offset[f + 1]]
    }


def test_ties_are_made_once_cut_once_and_report_what_really_changed():
    ties = Ties(np.uint32([0, 0, 1, 1, 2]), np.uint32([1, 1, 2, 1, 0]), 4)
    assert _pairs(ties) == {(0, 1), (1, 2), (2, 0)}  # no repeats, nobody follows oneself
    ties.change(np.uint32([0, 0, 3]), np.uint32([1, 3, 0]), np.array([True, True, True]))
    assert _pairs(ties) == {(0, 1), (1, 2), (2, 0), (0, 3), (3, 0)}
    ties.change(np.uint32([1, 1]), np.uint32([2, 3]), np.array([False, False]))
    assert _pairs(ties) == {(0, 1), (2, 0), (0, 3), (3, 0)}
    assert ties.follower_counts().tolist() == [2, 1, 0, 1]
    assert ties.following_counts().tolist() == [2, 0, 1, 1]
    assert ties.has(np.uint32([0, 1]), np.uint32([3, 2])).tolist() == [True, False]


def test_followees_lie_in_the_order_of_their_hash(settings, people, draws):
    ties = initial_ties(500, people(500)["tier"], settings.section("population"), draws)
    for user in range(500):
        part = ties.hash[ties.offset[user] : ties.offset[user + 1]].astype(np.int64)
        assert (np.diff(part) > 0).all()
