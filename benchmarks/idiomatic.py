"""The same work in ordinary, good NumPy: the baseline that a kernel has to beat.

Written as a NumPy programmer would who is free of our rules: `np.random.Generator`, float32, gathers and
matmul, `argpartition` over noisy scores, boolean masks, fancy indexing, `bincount`. It starts from the
people, the catalogue and the parameters of a feedtwin world, and does per step what that world does:
sessions of several slates, 100 candidates from four pools, score, filters, a Plackett-Luce draw with
propensities, the encounter, exits, learning (interests, memory traces, the platform's estimate), counters,
follows, uploads, stages.

Effort was put in where it pays: requests are handled in chunks that stay near the caches (sizes tuned),
vectors lie in the order of the pools so that gathers are nearly sequential, exponentials replace Gumbel
numbers (one logarithm instead of two), the seen-store is a direct-mapped table (one probe per candidate).

Where it does less than feedtwin, to its own advantage: no keyed chance, no digest, no event rows, no
exact meeting counts; two videos that collide in the seen-table push each other out; only candidates of
the followed pool get the social boost; propensities ignore what the caps remove; an upload copies an earlier
video of its creator. Rates of skips, likes and session lengths come out close to feedtwin's (the benchmark prints
both), so the two do comparable work.
"""

import numpy as np
from idiomatic_state import COMMENT, FINISHED, FOLLOW, LIKE, SHARE, SKIP, Array, PlainState

RANK_ROWS = 128
"""Requests ranked at once: 128 x 100 x 50 float32 = 2.6 MB."""
MEET_ROWS = 2048
"""Requests met at once: 2048 x 10 x 50 float32 = 4 MB."""
SHORTLISTS = (20, 64)
"""Candidates kept for the caps; requests whose slate stays short are done again with the longer list."""


class Idiomatic(PlainState):
    """A world in ordinary NumPy."""

    def step(self) -> None:
        """Advance by one hour."""
        self._upload()
        self._update_items()
        self._start_sessions()
        self._build_pools()
        follows: list[Array] = []
        while len(online := np.flatnonzero(self.is_online)):
            met: list[tuple[Array, ...]] = []
            for low in range(0, len(online), MEET_ROWS):
                user = online[low : low + MEET_ROWS]
                slates = [
                    self._rank(user[part : part + RANK_ROWS])
                    for part in range(0, len(user), RANK_ROWS)
                ]
                row, served, _score, _propensity = (
                    np.concatenate(x) for x in zip(*slates, strict=True)
                )
                met.append(self._meet(user, row, served, follows))
            self._count(met)
        self._follow(follows)
        self.step_count += 1

    def _build_pools(self) -> None:
        """Arrange the catalogue: tested videos by category, each shuffled, then those in their test."""
        p = self.p
        group = np.where(self.stage > 0, self.category, self.K)
        order = np.lexsort((self.rng.random(len(group), np.float32), group)).astype(np.int32)
        size = np.bincount(group, minlength=self.K + 1)
        self.pool_size = size.astype(np.int32)
        self.pool_begin = (np.cumsum(size) - size).astype(np.int32)
        self.order = order
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        self.place = np.append(place, -1)
        count = max(int(np.ceil(p["recommendation.trending_share"] * len(order))), 15)
        top = np.argpartition(-self.velocity, count)[:count]
        self.trending = place[top]
        age = np.maximum(self.step_count - self.created_step, 0).astype(np.float32)
        recency = np.exp2(-age / np.float32(p["recommendation.recency_half_life_steps"]))
        c, prior = self.counts, p["recommendation.prior_impressions"]
        good, bad = c[LIKE] + c[SHARE] + c[COMMENT] + c[FINISHED], c[SKIP]
        total = max(c[6].sum(), 1)
        gap = (good - bad + prior * (good.sum() - bad.sum()) / total) / (c[6] + prior)
        base = p["recommendation.weight_quality"] * np.clip(0.5 + 0.5 * gap, 0, 1)
        base = base + p["recommendation.weight_recency"] * recency
        base = base + p["recommendation.weight_popularity"] * np.log1p(self.velocity)
        base = base + np.select(
            [self.stage == 2, self.stage == 3],
            [p["promotion.amplification"], -p["promotion.limited_penalty"]],
        )
        self.base = base[order].astype(np.float32)
        self.pool_unit = self.vectors[order] * self.inv_norm[order, None]
        self.pool_creator, self.pool_category = self.creator[order], self.category[order]

    def _retrieve(self, user: Array, unit: Array) -> tuple[Array, Array, Array]:
        """Places of 100 candidates, whether each is one, and whether it comes from a followee."""
        p, rng, rows = self.p, self.rng, len(user)
        key = unit @ self.topic_units.T * np.float32(p["recommendation.category_sharpness"])
        key -= np.log(rng.standard_exponential(key.shape, np.float32))
        picks = int(p["recommendation.category_picks"])
        chosen = np.argpartition(-key, picks, axis=1)[:, :picks]
        quota = int(p["recommendation.interest_quota"]) // picks
        interest = self._window(self.pool_begin[chosen], self.pool_size[chosen], quota)
        hot_quota, new_quota = (int(p[f"recommendation.{x}_quota"]) for x in ("trending", "recent"))
        at = rng.integers(0, len(self.trending), (rows, 1), np.int32) + np.arange(
            hot_quota, dtype=np.int32
        )
        trending = self.trending[np.where(at >= len(self.trending), at - len(self.trending), at)]
        last = np.full(rows, self.K)
        recent = self._window(self.pool_begin[last], self.pool_size[last], new_quota)
        begin, size = self.tie_begin[user][:, None], self.tie_size[user][:, None]
        steps = np.arange(int(p["recommendation.followed_quota"]), dtype=np.int32)
        at = (rng.random((rows, 1), np.float32) * size).astype(np.int32) + steps
        at = np.where(at >= size, at - size, at)
        latest = self.place[
            self.latest[self.tie_user[np.minimum(begin + at, len(self.tie_user) - 1)]]
        ]
        followed = np.where(steps < size, latest, -1)
        place = np.concatenate(
            [interest.reshape(rows, -1), trending, recent, followed], axis=1, dtype=np.int32
        )
        slot = np.arange(place.shape[1], dtype=np.int32)
        both = np.sort((place << 7) | slot, axis=1)
        place, from_tie = both >> 7, (both & 127) >= place.shape[1] - len(steps)
        valid = place >= 0
        valid[:, 1:] &= place[:, 1:] != place[:, :-1]
        return np.maximum(place, 0), valid, from_tie

    def _window(self, begin: Array, size: Array, quota: int) -> Array:
        start = (self.rng.random(begin.shape, np.float32) * size).astype(np.int32)
        steps = np.arange(quota, dtype=np.int32)
        at, size = start[..., None] + steps, size[..., None]
        at = np.where(at >= size, at - size, at) + begin[..., None]
        return np.where(steps < size, at, -1)

    def _rank(self, user: Array) -> tuple[Array, Array, Array, Array]:
        """Slates: content rows (R, S), how many were served, scores, propensities."""
        p = self.p
        query = self.estimate[user]
        unit = query / np.maximum(np.linalg.norm(query, axis=1, keepdims=True), np.float32(1e-9))
        place, valid, from_tie = self._retrieve(user, unit)
        score = np.matmul(self.pool_unit.take(place, axis=0), unit[:, :, None])[..., 0]
        score *= np.float32(p["recommendation.weight_similarity"])
        score += self.base.take(place)
        score += np.float32(p["recommendation.weight_social"]) * from_tie
        row = self.order.take(place)
        where = user[:, None] * self.seen_size + (row & (self.seen_size - 1))
        valid &= self.seen.take(where) != row
        valid &= self.pool_creator.take(place) != user[:, None]
        scaled = np.where(valid, score * np.float32(1 / p["recommendation.temperature"]), -np.inf)
        noisy = scaled - np.log(self.rng.standard_exponential(score.shape, np.float32))
        pick, served = self._cap(noisy, place, SHORTLISTS[0])
        again = np.flatnonzero(served < pick.shape[1])
        if len(again):
            pick[again], served[again] = self._cap(noisy[again], place[again], SHORTLISTS[1])
        weight = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        chosen = np.take_along_axis(weight, pick, 1)
        taken = np.cumsum(chosen, axis=1) - chosen
        propensity = chosen / np.maximum(weight.sum(axis=1, keepdims=True) - taken, 1e-9)
        row, score = np.take_along_axis(row, pick, 1), np.take_along_axis(score, pick, 1)
        return row, served, score, propensity

    def _cap(self, noisy: Array, place: Array, length: int) -> tuple[Array, Array]:
        """The best S candidates that respect one per creator and the category cap, among a short list."""
        size = int(self.p["recommendation.slate_size"])
        short = np.argpartition(noisy, -length, axis=1)[:, -length:]
        best_first = np.argsort(-np.take_along_axis(noisy, short, 1), axis=1)
        short = np.take_along_axis(short, best_first, 1)
        place = np.take_along_axis(place, short, 1)
        ok = np.isfinite(np.take_along_axis(noisy, short, 1))
        creator, category = self.pool_creator.take(place), self.pool_category.take(place)
        earlier = np.tri(length, k=-1, dtype=bool)
        ok &= ~((creator[:, :, None] == creator[:, None, :]) & earlier).any(axis=2)
        same = (category[:, :, None] == category[:, None, :]) & earlier & ok[:, None, :]
        ok &= np.count_nonzero(same, axis=2) < self.p["recommendation.category_cap"]
        first = np.argsort(~ok, axis=1, kind="stable")[:, :size]
        return np.take_along_axis(short, first, 1), np.minimum(np.count_nonzero(ok, axis=1), size)

    def _meet(
        self, user: Array, row: Array, served: Array, follows: list[Array]
    ) -> tuple[Array, ...]:
        """Resolve slates, let users leave, learn; return rows, flags and watch time of what was met."""
        vector = self.vectors[row]
        interests = self.interests[user]
        norm = np.maximum(np.linalg.norm(interests, axis=1, keepdims=True), np.float32(1e-6))
        match = np.matmul(vector, interests[:, :, None])[..., 0] * self.inv_norm[row] / norm
        match -= np.float32(self.p["interaction.match_centre"])
        flags, watch, completion = self._outcomes(user, row, match)
        reached = self._learn(user, row, served, vector, interests, flags, watch, completion)
        self.interests[user] = interests
        self.seen[(user[:, None] * self.seen_size + (row & (self.seen_size - 1)))[reached]] = row[
            reached
        ]
        follow = reached & flags[FOLLOW]
        follows.append((user[np.nonzero(follow)[0]] << 32) | self.creator[row[follow]])
        return row[reached], flags[:, reached], watch[reached]

    def _outcomes(self, user: Array, row: Array, match: Array) -> tuple[Array, Array, Array]:
        p, rng, shape = (
            {
                k[12:]: np.float32(v)
                for k, v in self.p.items()
                if k.startswith("interaction.") and k != "interaction.match_source"
            },
            self.rng,
            row.shape,
        )
        skip = p["skip_intercept"] + self.hook_term[row] + self.span_term[user][:, None]
        skip -= p["skip_match"] * match
        skip += p["skip_noise"] * rng.standard_normal(shape, np.float32)
        flags = np.empty((6, *shape), bool)
        flags[SKIP] = rng.random(shape, np.float32) < 1 / (1 + np.exp(-skip))
        duration = self.duration_s[row]
        log_ratio = p["watch_match"] * match + p["watch_quality"] * (
            self.quality[row] - np.float32(0.5)
        )
        log_ratio += (
            p["watch_sigma"] * rng.standard_normal(shape, np.float32) - p["watch_sigma"] ** 2 / 2
        )
        ratio = self.completion_prior[row] * np.exp(log_ratio)
        watch = np.clip(
            ratio * duration, np.minimum(np.float32(3), duration), duration * p["loops_max"]
        )
        swiped = np.minimum(np.float32(2.999), duration) * rng.random(shape, np.float32)
        watch = np.where(flags[SKIP], swiped, watch)
        completion = watch / duration
        lift = (
            p["engage_completion"] * (np.minimum(completion, 1) - np.float32(0.5))
            + p["engage_match"] * match
        )
        stays = ~flags[SKIP]
        extra = {
            LIKE: p["like_quality"] * (self.quality[row] - np.float32(0.5)),
            SHARE: p["share_virality"] * (self.virality[row] - np.float32(0.5)),
        }
        for flag, tendency in (
            (LIKE, self.like_logit),
            (SHARE, self.share_logit),
            (COMMENT, self.comment_logit),
            (FOLLOW, self.follow_logit),
        ):
            logit = tendency[user][:, None] + lift + extra.get(flag, np.float32(0))
            flags[flag] = stays & (rng.random(shape, np.float32) < 1 / (1 + np.exp(-logit)))
        flags[FINISHED] = completion >= 1
        return flags, watch, completion

    def _learn(
        self, user: Array, row: Array, served: Array, vector: Array, interests: Array, flags: Array,
        watch: Array, completion: Array,
    ) -> Array:  # fmt: skip
        """Walk through the slots; change interests in place and the other state by fancy indexing."""
        p = {
            k.partition(".")[2]: v
            for k, v in self.p.items()
            if k.startswith(("user.", "platform."))
        }
        rows, slots = row.shape
        reached = np.zeros((rows, slots), bool)
        energy, boredom, mood = self.energy[user], self.boredom[user], self.satisfaction[user]
        length, patience, stamina = (
            self.session_length[user],
            self.patience[user],
            self.stamina_s[user],
        )
        capped = np.minimum(completion, 1)
        skipped, liked = flags[SKIP], flags[LIKE]
        signal = (
            p["signal_completion"] * (capped - np.float32(p["signal_centre"]))
            + p["signal_like"] * liked
        )
        signal = np.where(skipped, p["signal_skip"], signal).astype(np.float32)
        value = np.where(skipped, 0, np.where(liked, 1, capped)).astype(np.float32)
        dull = skipped | (capped < p["bored_below"])
        pleased = ~dull & (capped > p["pleased_above"])
        pulls = ~skipped & ((completion > p["pull_above"]) | liked)
        left = np.zeros(rows, bool)
        for slot in range(slots):
            on = (slot < served) & ~left
            reached[:, slot] = on
            v = vector[:, slot]
            pulled, pushed = (
                np.flatnonzero(on & pulls[:, slot]),
                np.flatnonzero(on & skipped[:, slot]),
            )
            interests[pulled] += np.float32(p["pull_rate"]) * (v[pulled] - interests[pulled])
            interests[pushed] -= np.float32(p["push_rate"]) * v[pushed] * interests[pushed]
            self._strengthen(user[pulled], self.category[row[pulled, slot]], flags[:, pulled, slot])
            tired = p["fatigue_base"] + p["fatigue_slope"] * (1 - energy)
            drain = (watch[:, slot] + np.float32(p["swipe_s"])) / stamina * tired
            energy = np.where(on, np.maximum(energy - drain, 0), energy)
            boredom += on & dull[:, slot]
            boredom -= p["relief"] * (on & pleased[:, slot])
            np.maximum(boredom, 0, out=boredom)
            mood += on * np.float32(p["satisfaction_weight"]) * (value[:, slot] - mood)
            length += on
            leaves = (
                (boredom >= patience)
                | (energy <= p["energy_exit"])
                | (length >= p["impressions_max"])
            )
            left |= on & leaves
        self.energy[user], self.boredom[user], self.satisfaction[user] = energy, boredom, mood
        self.session_length[user] = length
        self._update_estimate(user, vector, signal, reached, np.float32(p["estimate_rate"]))
        self.session_watch[user] += (watch * reached).sum(axis=1)
        self.is_online[user] = ~left & (served > 0)
        return reached

    def _update_estimate(
        self, user: Array, vector: Array, signal: Array, reached: Array, rate: np.float32
    ) -> None:
        """A slate's running averages at once: slot k of n weighs rate (1 - rate)^(n - 1 - k)."""
        later = reached.sum(axis=1, keepdims=True) - 1 - np.arange(reached.shape[1])
        weight = np.where(reached, rate * (1 - rate) ** np.maximum(later, 0) * signal, 0)
        weight = weight.astype(np.float32)
        kept = (1 - rate) ** reached.sum(axis=1, keepdims=True).astype(np.float32)
        moved = np.matmul(weight[:, None, :], vector)[:, 0]
        moved -= weight.sum(axis=1, keepdims=True) * self.mean_vector
        self.estimate[user] = self.estimate[user] * kept + moved

    def _strengthen(self, user: Array, topic: Array, flags: Array) -> None:
        p, at = self.p, np.arange(len(user))
        retained = self._retained(user)
        found = self.trace_topic[user] == topic[:, None]
        known = found.any(axis=1)
        weakest = np.where(self.trace_topic[user] < 0, -1, retained).argmin(axis=1)
        slot = np.where(known, found.argmax(axis=1), weakest)
        gain = np.full(len(user), p["user.gain_finish"], np.float32)
        for flag, name in ((LIKE, "like"), (COMMENT, "comment"), (SHARE, "share")):
            gain = np.where(flags[flag], np.maximum(gain, np.float32(p[f"user.gain_{name}"])), gain)
        spaced = self.step_count - self.trace_step[user, slot] >= p["user.spacing_steps"]
        count = np.where(known, self.trace_count[user, slot] + spaced, 1)
        strength = np.where(known, retained[at, slot], 0) + gain
        self.trace_count[user, slot], self.trace_topic[user, slot] = count, topic
        self.trace_strength[user, slot] = np.minimum(strength, p["user.strength_max"])
        self.trace_step[user, slot] = self.step_count
