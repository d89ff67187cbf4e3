"""Every metric against a plain-Python reference that reads the event log, not the totals."""

import math
from collections import Counter, defaultdict

import pytest

from feedtwin.lab.metrics import METRICS, listed_metrics, measure
from feedtwin.lab.metrics.metric import FAMILIES
from feedtwin.lab.run_data import read_run
from feedtwin.randomness import Draws, Stream
from feedtwin.record.reader import Run

PUBLIC = 1
GIFT, BUY, AD, LIVE, SUB, FUND = 1, 2, 3, 4, 5, 6


class Log:
    """The events and tables of a run as lists of mappings."""

    def __init__(self, path):
        run = Run.open(path)
        self.watched = run.events("VIDEO_WATCHED").to_pylist()
        self.skipped = run.events("VIDEO_SKIPPED").to_pylist()
        self.engaged = run.events("VIDEO_ENGAGED").to_pylist()
        self.started = run.events("SESSION_STARTED").to_pylist()
        self.ended = run.events("SESSION_ENDED").to_pylist()
        self.social = run.events("SOCIAL_GRAPH_UPDATED").to_pylist()
        self.created = run.events("VIDEO_CREATED").to_pylist()
        self.stages = run.events("EXPOSURE_STAGE_CHANGED").to_pylist()
        self.served = run.events("IMPRESSION_SERVED").to_pylist()
        self.paid = run.events("TRANSACTION_COMPLETED").to_pylist()
        self.items = {row["item"]: row for row in run.table("items").to_pylist()}
        self.users = {row["user"]: row for row in run.table("users").to_pylist()}
        self.days = len(run.commits) / 24
        self.seed, self.replicate = run.manifest["seed"], run.manifest["replicate"]
        self.met = [*self.watched, *self.skipped]
        self.lengths = [row["impressions"] for row in self.ended]

    def ratio(self, watch_ms, item):
        return watch_ms / 1000 / self.items[item]["duration_s"]

    def public_views(self):
        views = {item: 0 for item, row in self.items.items() if row["is_public"] == PUBLIC}
        for row in self.watched:
            if row["item"] in views:  # ads are watched too, and are no public video
                views[row["item"]] += 1
        return views

    def creator_views(self):
        views = defaultdict(int)
        for item, count in self.public_views().items():
            views[item >> 32] += count
        return views

    def exits(self, cause):
        return sum(row["cause"] == cause for row in self.ended) / len(self.ended)

    def engagements(self, kind):
        return sum(row["engagement"] == kind for row in self.engaged) / len(self.met)

    def active(self):
        return {row["user"] for row in self.started}

    def revenue(self, *kinds):
        return sum(row["amount_microusd"] for row in self.paid if row["kind"] in kinds) / 1e6

    def creators_get(self, *kinds):
        """Shares of every user with a public video."""
        creators = {row["creator"] for row in self.items.values() if row["is_public"] == PUBLIC}
        got = dict.fromkeys(creators, 0)
        for row in self.paid:
            if row["kind"] in kinds and row["recipient"] in got:
                got[row["recipient"]] += row["share_microusd"]
        return list(got.values())

    def per_creator(self, *kinds):
        """Mean share of every user who may post."""
        creators = {user for user, row in self.users.items() if row["tier"] < 3}
        got = [
            r["share_microusd"]
            for r in self.paid
            if r["kind"] in kinds and r["recipient"] in creators
        ]
        return sum(got) / 1e6 / len(creators)

    def payers(self):
        return {row["user"] for row in self.paid if row["kind"] in (GIFT, BUY, LIVE, SUB)}


def gini_of_pairs(values):
    """The definition: half the mean absolute difference over all ordered pairs, over the mean."""
    count, mean = len(values), sum(values) / len(values)
    return sum(abs(a - b) for a in values for b in values) / (2 * count * count * mean)


def entropy_of(weights):
    total = sum(weights)
    return sum(-w / total * math.log2(w / total) for w in weights if w)


def tags_of(row):
    return [row[f"hashtag_{k}"] for k in (1, 2, 3) if row[f"hashtag_{k}"]]


def top_percent(log, percent=1):
    views = sorted(log.public_views().values(), reverse=True)
    return sum(views[: math.ceil(len(views) * percent / 100)]) / sum(views)


def spread(values):
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def length_ms(log, row):
    return round(log.items[row["item"]]["duration_s"] * 1000)


def account_views(log):
    return [log.creator_views().get(user, 0) for user in log.users]


def matched_gini(log):
    """Every single view with its own draw; the lowest are kept."""
    views = log.public_views()
    draws = Draws(log.seed, log.replicate)
    drawn = sorted(
        (int(draws.bits(Stream.METRIC_SUBSAMPLE, item >> 32, item & 0xFFFFFFFF, nth)), item)
        for item, count in views.items()
        for nth in range(count)
    )
    kept = Counter(item for _, item in drawn[: len(views)])
    return gini_of_pairs([kept[item] for item in views])


def lorenz_at_half(log):
    views = sorted(log.public_views().values())
    half, whole = len(views) // 2, sum(views)
    below = sum(views[:half])
    return (below + views[half] / 2 if len(views) % 2 else below) / whole


def hhi_of(values):
    return sum((value / sum(values)) ** 2 for value in values)


def theil_of(values):
    mean = sum(values) / len(values)
    return sum(v / mean * math.log(v / mean) for v in values if v) / len(values)


def theil_split(log):
    tiers = defaultdict(list)
    for creator, views in log.creator_views().items():
        tiers[log.users[creator]["tier"]].append(views)
    total = sum(map(sum, tiers.values()))
    count = sum(map(len, tiers.values()))
    within = sum(sum(v) / total * theil_of(v) for v in tiers.values() if sum(v))
    shares = [(sum(v) / total, len(v) / count) for v in tiers.values() if sum(v)]
    return within, sum(held * math.log(held / members) for held, members in shares)


def atkinson_half(values):
    mean = sum(values) / len(values)
    return 1 - (sum(math.sqrt(v) for v in values) / len(values)) ** 2 / mean


def exposure_of(log):
    worth = defaultdict(float)
    for row in log.served:
        worth[row["item"]] += 1 / math.log2(row["slot"] + 2)
    return {item: worth[item] for item, row in log.items.items() if row["is_public"] == PUBLIC}


def parity_of_tiers(log):
    tiers = defaultdict(list)
    for item, worth in exposure_of(log).items():
        tiers[log.users[item >> 32]["tier"]].append(worth)
    means = [sum(one) / len(one) for one in tiers.values()]
    return min(means) / max(means)


def inequity_of(log):
    worth = exposure_of(log)
    good = {item: log.items[item]["quality"] for item in worth}
    shown, deserved = sum(worth.values()), sum(good.values())
    return sum(abs(worth[i] / shown - good[i] / deserved) for i in worth) / 2


def tags_shown(log):
    weights = Counter()
    for row in log.met:
        weights.update(tags_of(log.items[row["item"]]))
    return weights


def tags_supplied(log):
    weights = Counter()
    for row in log.items.values():
        if row["is_public"] == PUBLIC:
            weights.update(tags_of(row))
    return weights


def miller_madow(weights):
    total = sum(weights.values())
    return entropy_of(weights.values()) + (len(weights) - 1) / (2 * total * math.log(2))


def chao_shen(weights):
    total = sum(weights.values())
    coverage = 1 - sum(w == 1 for w in weights.values()) / total
    shares = [coverage * w / total for w in weights.values()]
    return sum(-p * math.log2(p) / (1 - (1 - p) ** total) for p in shares)


def entropy_of_users(log):
    feeds = defaultdict(Counter)
    for row in log.met:
        feeds[row["user"]].update(tags_of(log.items[row["item"]]))
    return mean(miller_madow(tags) for tags in feeds.values() if sum(tags.values()) >= 20)


def slate_diversity(log):
    slates = defaultdict(list)
    for row in log.served:
        slates[row["user"], row["request"]].append(log.items[row["item"]]["category"])
    shares = []
    for kinds in slates.values():
        pairs = [(a, b) for k, a in enumerate(kinds) for b in kinds[k + 1 :]]
        if pairs:
            shares.append(sum(a != b for a, b in pairs) / len(pairs))
    return mean(shares)


def novelty_of(log):
    shown = Counter(row["item"] for row in log.met)
    return mean(-math.log2(shown[row["item"]] / len(log.met)) for row in log.met)


def profiles(log):
    """Feed and profile of every user, as lists of items."""
    liked = {(r["user"], r["request"], r["slot"]) for r in log.engaged if r["engagement"] == 1}
    feeds, own = defaultdict(list), defaultdict(list)
    for row in log.met:
        feeds[row["user"]].append(row["item"])
        place = row["user"], row["request"], row["slot"]
        if place in liked or row.get("completion", 0) >= 1:
            own[row["user"]].append(row["item"])
    return feeds, own


def lift_of(log, third=None):
    shown = Counter(row["item"] for row in log.met)
    feeds, own = profiles(log)
    gap = {u: (mean(shown[i] for i in own[u]), mean(shown[i] for i in feeds[u])) for u in own}
    order = sorted(gap, key=lambda user: (gap[user][0], user))
    who = [u for k, u in enumerate(order) if third is None or k * 3 // len(order) == third]
    profile = mean(gap[u][0] for u in who)
    return (mean(gap[u][1] for u in who) - profile) / profile


def divergence(a, b):
    """Jensen-Shannon, base 2, from the definition."""
    found = 0.0
    for kind in {*a, *b}:
        p, q = a[kind] / sum(a.values()), b[kind] / sum(b.values())
        for one in (p, q):
            found += one / 2 * math.log2(one / ((p + q) / 2)) if one else 0
    return found


def miscalibration(log):
    feeds, own = profiles(log)

    def kinds(items):
        return Counter(log.items[item]["category"] for item in items)

    return mean(divergence(kinds(own[u]), kinds(feeds[u])) for u in own if len(own[u]) >= 10)


def harmful(log, row):
    return log.items[row["item"]]["toxicity"] > 0.8


def harm_quantile(log, share):
    met = defaultdict(list)
    for row in log.met:
        met[row["user"]].append(harmful(log, row))
    shares = sorted(sum(one) / len(one) for one in met.values())
    return next(v for k, v in enumerate(shares, 1) if k >= share * len(shares))


REFERENCES = {
    "watch_s": lambda log: mean(row["watch_ms"] / 1000 for row in log.met),
    "completion": lambda log: mean(min(log.ratio(r["watch_ms"], r["item"]), 1) for r in log.met),
    "completion_uncapped": lambda log: mean(log.ratio(r["watch_ms"], r["item"]) for r in log.met),
    "completion_of_totals": lambda log: (
        sum(r["watch_ms"] / 1000 for r in log.met)
        / sum(log.items[r["item"]]["duration_s"] for r in log.met)
    ),
    "completion_of_totals_capped": lambda log: (
        sum(min(r["watch_ms"], length_ms(log, r)) for r in log.met)
        / sum(length_ms(log, r) for r in log.met)
    ),
    "finished_share": lambda log: sum(r["completion"] >= 1 for r in log.watched) / len(log.met),
    "skip_rate": lambda log: len(log.skipped) / len(log.met),
    "impressions": lambda log: len(log.met),
    "views": lambda log: len(log.watched),
    "like_rate": lambda log: log.engagements(1),
    "share_rate": lambda log: log.engagements(2),
    "comment_rate": lambda log: log.engagements(3),
    "follows": lambda log: sum(r["edge"] == 1 and r["added"] == 1 for r in log.social),
    "sessions": lambda log: len(log.ended),
    "session_length": lambda log: mean(log.lengths),
    "session_length_sd": lambda log: spread(log.lengths),
    "session_watch_s": lambda log: mean(row["watch_ms"] / 1000 for row in log.ended),
    "exit_share_boredom": lambda log: log.exits(1),
    "exit_share_energy": lambda log: log.exits(2),
    "exit_share_cap": lambda log: log.exits(3),
    "exit_share_feed_exhausted": lambda log: log.exits(4),
    "active_users": lambda log: len(log.active()),
    "impressions_per_active_user_day": lambda log: len(log.met) / len(log.active()) / log.days,
    "view_gini_videos": lambda log: gini_of_pairs(list(log.public_views().values())),
    "view_gini_creators": lambda log: gini_of_pairs(list(log.creator_views().values())),
    "view_gini_accounts": lambda log: gini_of_pairs(account_views(log)),
    "view_gini_videos_matched": matched_gini,
    "top1_view_share": top_percent,
    "top10_view_share": lambda log: top_percent(log, 10),
    "bottom_half_view_share": lorenz_at_half,
    "view_hhi_videos": lambda log: hhi_of(log.public_views().values()),
    "effective_videos": lambda log: 1 / hhi_of(log.public_views().values()),
    "effective_creators": lambda log: 1 / hhi_of(log.creator_views().values()),
    "view_atkinson_creators": lambda log: atkinson_half(log.creator_views().values()),
    "view_theil_creators": lambda log: theil_of(list(log.creator_views().values())),
    "view_theil_within_tiers": lambda log: theil_split(log)[0],
    "view_theil_between_tiers": lambda log: theil_split(log)[1],
    "exposure_parity_tiers": parity_of_tiers,
    "exposure_inequity": inequity_of,
    "hashtag_entropy_exposure": lambda log: entropy_of(tags_shown(log).values()),
    "hashtag_entropy_supply": lambda log: entropy_of(tags_supplied(log).values()),
    "hashtag_entropy_exposure_mm": lambda log: miller_madow(tags_shown(log)),
    "hashtag_entropy_exposure_cs": lambda log: chao_shen(tags_shown(log)),
    "hashtag_entropy_supply_mm": lambda log: miller_madow(tags_supplied(log)),
    "hashtag_entropy_supply_cs": lambda log: chao_shen(tags_supplied(log)),
    "hashtag_entropy_users": entropy_of_users,
    "intra_list_diversity": slate_diversity,
    "coverage": lambda log: (
        len({row["item"] for row in log.met} & set(log.public_views())) / len(log.public_views())
    ),
    "novelty": novelty_of,
    "popularity_lift": lift_of,
    "popularity_lift_niche": lambda log: lift_of(log, 0),
    "popularity_lift_blockbuster": lambda log: lift_of(log, 2),
    "feed_miscalibration": miscalibration,
    "harm_share_attribute_v1": lambda log: mean(harmful(log, row) for row in log.met),
    "harm_user_p50_attribute_v1": lambda log: harm_quantile(log, 0.5),
    "harm_user_p95_attribute_v1": lambda log: harm_quantile(log, 0.95),
    "harm_user_p99_attribute_v1": lambda log: harm_quantile(log, 0.99),
    "uploads": lambda log: len(log.created),
    "viral": lambda log: sum(row["to_stage"] == 2 for row in log.stages),
    "ad_revenue": lambda log: log.revenue(AD),
    "gift_revenue": lambda log: log.revenue(GIFT, LIVE),
    "subscription_revenue": lambda log: log.revenue(SUB),
    "purchase_revenue": lambda log: log.revenue(BUY),
    "creator_payments": lambda log: sum(r["share_microusd"] for r in log.paid) / 1e6,
    "ad_load_realised": lambda log: sum(r["kind"] == AD for r in log.paid) / len(log.met),
    "arpu_day": lambda log: log.revenue(GIFT, BUY, AD, LIVE, SUB) / len(log.active()) / log.days,
    "payer_share": lambda log: len(log.payers()) / len(log.active()),
    "views_per_creator": lambda log: (
        sum(log.creator_views().values()) / sum(row["tier"] < 3 for row in log.users.values())
    ),
    "gifts_per_creator": lambda log: log.per_creator(GIFT, LIVE),
    "earnings_per_creator": lambda log: log.per_creator(GIFT, AD, LIVE, SUB, FUND),
    "gift_gini_creators": lambda log: gini_of_pairs(log.creators_get(GIFT, LIVE)),
    "earnings_gini_creators": lambda log: gini_of_pairs(
        log.creators_get(GIFT, AD, LIVE, SUB, FUND)
    ),
}
TOLERANCES = {"completion": 1e-3}  # the totals count completions in whole thousandths, rounded down


@pytest.fixture(scope="module")
def log(run_folder):
    return Log(run_folder)


@pytest.fixture(scope="module")
def readings(run_folder):
    return measure(read_run(run_folder))


ELSEWHERE = ("governance",)
"""Families that a plain world has nothing of: `test_lever_metrics.py`."""
LONGER = ("retention", "creator_retention", "creator_entry", "survival", "days_to_churn")
"""Of weeks, which no run of a day has: `test_retention.py` compares them on people made up for it."""


def test_every_metric_has_a_reference():
    here = {name for name, one in METRICS.items() if one.family not in ELSEWHERE}
    assert {name for name in here if not name.startswith(LONGER)} == set(REFERENCES)


@pytest.mark.parametrize("name", list(REFERENCES))
def test_a_metric_equals_its_plain_python_reference(name, readings, log):
    expected = REFERENCES[name](log)
    tolerance = TOLERANCES.get(name, 0)
    assert readings[name].value == pytest.approx(expected, rel=1e-9, abs=max(tolerance, 1e-12))


def test_the_log_that_tests_metrics_has_something_of_everything(log):
    assert len(log.met) > 500 and len(log.ended) > 20 and log.skipped and log.created and log.social
    assert {row["engagement"] for row in log.engaged} == {1, 2, 3}
    assert {row["kind"] for row in log.paid} == {GIFT, BUY, AD, SUB, FUND}


def test_metrics_are_read_family_by_family():
    families = [one.family for one in listed_metrics()]
    assert tuple(dict.fromkeys(families)) == FAMILIES
