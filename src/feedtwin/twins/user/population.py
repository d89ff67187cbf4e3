"""Who lives in a synthetic world: tiers, personas, tendencies, taste, ties. Spec USR-1 to USR-8, USR-12.

Every attribute is keyed by the user, so that one more user changes nobody else. Shapes: U users, K
categories, D = 50.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from feedtwin.numerics import exp32, log32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.ids import ring_position
from feedtwin.twins.user.config import UserConfig
from feedtwin.twins.user.own_personas import written_interest, written_traits
from feedtwin.twins.user.ties import Ties

(
    TIER, PERSONA, ACTIVITY, SPAN, LIKE, SHARE, COMMENT, FOLLOW, STAMINA, PATIENCE, EXPERTISE,
    HUMOR, TOXICITY, TIE_COUNT, AGE,
) = range(15)  # fmt: skip
"""Attribute numbers of USER_ATTRIBUTE draws; 20 is a creator's quality (content twin)."""

MINOR = 0
"""Age group of people under 18."""

KEYWORDS, NOISE = slice(20, 40), slice(40, 50)
NO_PERSONA = 255
TASTE_UNIT = 127 * 256
_TIES_MAX = 200

Arrays = dict[str, np.ndarray]


def synthetic_users(
    count: int,
    config: UserConfig,
    population: Mapping[str, Any],
    personas: Mapping[str, Any],
    category_vectors: np.ndarray,
    draws: Draws,
) -> Arrays:
    """Return the columns of a synthetic population."""
    user = np.arange(count, dtype=np.uint32)
    persona = _persona(user, population, personas, draws)
    tier = _inverse(draws, user, TIER, population["tier_shares"])
    columns = traits(user, config, draws)
    columns["tier"] = tier.astype(np.uint8)
    columns["upload_rate"] = np.asarray(config.uploads_per_day, np.float32)[tier]
    columns["age_group"] = age_groups(user, population, draws)
    weights = _category_interest(persona, population, personas, len(category_vectors))
    expertise = draws.uniform(Stream.USER_ATTRIBUTE, user, EXPERTISE)
    columns["expertise"] = _pick(weights, expertise)
    base = float(population["interest_base"])
    if population["persona_use"] in ("written", "asked"):  # the field stays, the template goes
        persona = np.full(count, NO_PERSONA, np.uint8)
        weights = np.full_like(weights, np.float32(base))  # asked: until somebody answers
    if population["persona_use"] == "written":
        weights = written_interest(
            user, columns["expertise"], base, personas, len(category_vectors), draws
        )
        columns |= written_traits(user, columns, personas, draws)
    columns["persona"] = persona
    columns |= shaped(columns, persona, personas)
    weights = _with_humor(weights, columns["humor_affinity"], population)
    columns["taste"] = tastes(user, weights, category_vectors, population, draws)
    columns["interests"] = ((columns["taste"].astype(np.int32) + 128) >> 8).astype(np.int8)
    return columns


def shaped(columns: Arrays, persona: np.ndarray, personas: Mapping[str, Any]) -> Arrays:
    """Return the traits that persona templates shift or scale; people without one stay as they are."""
    known = np.minimum(persona, len(personas["names"]) - 1)
    has = persona != NO_PERSONA

    def of(name: str, neutral: float) -> np.ndarray:
        return np.where(has, np.asarray(personas[name], np.float32)[known], np.float32(neutral))

    def scaled(name: str, factor: str, most: int) -> np.ndarray:
        product = columns[name].astype(np.float32) * of(factor, 1.0) + np.float32(0.5)
        return np.minimum(product.astype(np.int32), most).astype(np.uint8)

    shift = of("like_shift", 0.0)
    span = columns["attention_span_s"] * of("span_factor", 1.0)
    return {
        "like_logit": columns["like_logit"] + shift,
        "share_logit": columns["share_logit"] + shift + of("share_shift", 0.0),
        "comment_logit": columns["comment_logit"] + shift + of("comment_shift", 0.0),
        "attention_span_s": np.clip(span, np.float32(0.1), np.float32(120.0)),
        "activity": columns["activity"] * of("activity_factor", 1.0),
        "stamina_s": columns["stamina_s"] * of("stamina_factor", 1.0),
        "patience": np.maximum(scaled("patience", "patience_factor", 255), np.uint8(1)),
        "toxicity_tolerance": scaled("toxicity_tolerance", "tolerance_factor", 255),
    }


def age_groups(user: np.ndarray, population: Mapping[str, Any], draws: Draws) -> np.ndarray:
    """Return the age group of each user, u1: minors first, then adults by age."""
    minors = float(population["minor_share"])
    adults = np.asarray(population["adult_age_shares"], np.float64)
    shares = [minors, *((1.0 - minors) * adults / adults.sum())]
    return _inverse(draws, user, AGE, shares).astype(np.uint8)


def traits(user: np.ndarray, config: UserConfig, draws: Draws) -> Arrays:
    """Return the traits that need no persona: activity, tendencies, stamina, patience."""

    def normal(attribute: int) -> np.ndarray:
        return draws.normal(Stream.USER_ATTRIBUTE, user, attribute)

    def lognormal(attribute: int, median: float, sigma: float) -> np.ndarray:
        return np.float32(median) * exp32(np.float32(sigma) * normal(attribute))

    def tendency(attribute: int, mean: float) -> np.ndarray:
        return np.float32(mean) + np.float32(config.tendency_sigma) * normal(attribute)

    def share(attribute: int) -> np.ndarray:
        draw = draws.uniform(Stream.USER_ATTRIBUTE, user, attribute)
        return (draw * np.float32(256.0)).astype(np.uint8)

    spread = config.activity_sigma
    patience = draws.uniform(Stream.USER_ATTRIBUTE, user, PATIENCE)
    width = max(config.patience_high - config.patience_low + 1, 1)
    span = lognormal(SPAN, config.attention_span_median_s, config.attention_span_sigma)
    return {
        "activity": lognormal(ACTIVITY, float(exp32(np.float32(-0.5 * spread**2))), spread),
        "attention_span_s": np.clip(span, np.float32(0.1), np.float32(120.0)),
        "like_logit": tendency(LIKE, config.like_logit_mean),
        "share_logit": tendency(SHARE, config.share_logit_mean),
        "comment_logit": tendency(COMMENT, config.comment_logit_mean),
        "follow_logit": tendency(FOLLOW, config.follow_logit_mean),
        "stamina_s": lognormal(STAMINA, config.stamina_s, config.stamina_sigma),
        "patience": (config.patience_low + (patience * np.float32(width)).astype(np.int32)).astype(
            np.uint8
        ),
        "humor_affinity": share(HUMOR),
        "toxicity_tolerance": share(TOXICITY),
        "satisfaction": np.full(len(user), config.satisfaction_start, np.float32),
        "loyalty": np.full(len(user), config.loyalty_start, np.float32),
        "energy": np.ones(len(user), np.float32),
    }


def tastes(
    user: np.ndarray,
    category_interest: np.ndarray,
    category_vectors: np.ndarray,
    population: Mapping[str, Any],
    draws: Draws,
) -> np.ndarray:
    """Return long-term taste int16 (U, D), 32512 = 1.0.

    Category dimensions carry the interest in each category, times keyed log-normal noise; keyword
    dimensions are liked or not; the last ten hold what is idiosyncratic.
    """
    dims = np.arange(category_vectors.shape[1], dtype=np.uint32)
    noise = draws.normal(Stream.USER_TASTE, user[:, None], dims[None, :])
    spread = exp32(np.float32(population["taste_sigma"]) * noise)
    code = category_vectors.astype(np.float32) / np.float32(127.0)
    taste = np.full((len(user), len(dims)), np.float32(population["interest_base"]), np.float32)
    if population["persona_use"] == "none":
        return (taste * np.float32(TASTE_UNIT)).astype(np.int16)
    for category in range(len(category_vectors)):
        lift = category_interest[:, category][:, None] * code[category][None, :]
        taste = np.maximum(taste, lift)
    taste[:, :20] *= spread[:, :20]
    draw = draws.uniform(Stream.USER_TASTE, user[:, None], dims[None, KEYWORDS] + np.uint32(64))
    cares = draw < np.float32(population["keyword_interest"])
    taste[:, KEYWORDS] = np.where(
        cares, np.float32(population["keyword_strength"]), taste[:, KEYWORDS]
    )
    own = draws.uniform(Stream.USER_TASTE, user[:, None], dims[None, NOISE] + np.uint32(64))
    taste[:, NOISE] = own * np.float32(population["noise_interest"])
    return (np.clip(taste, 0.0, 1.0) * np.float32(TASTE_UNIT)).astype(np.int16)


def initial_ties(
    users: int,
    tier: np.ndarray,
    population: Mapping[str, Any],
    draws: Draws,
    counts: np.ndarray | None = None,
) -> Ties:
    """Draw who follows whom at the start.

    Each tie is a point on a ring of creators on which a creator holds as many places as the weight of
    their tier; the next place clockwise is followed. One more creator takes over a few ties, one more
    consumer none. `counts` overrides the number of ties per user.
    """
    weight = np.asarray(population["ties_tier_weight"], np.float64)[tier].astype(np.int64)
    creators = np.nonzero(weight > 0)[0].astype(np.uint32)
    if len(creators) == 0:
        return Ties(np.zeros(0, np.uint32), np.zeros(0, np.uint32), users)
    owner = np.repeat(creators, weight[creators])
    nth = np.concatenate([np.arange(n) for n in weight[creators]]).astype(np.uint32)
    place = ring_position(owner) ^ (nth * np.uint32(0x9E3779B1) ^ (nth << np.uint32(7)))
    order = np.lexsort((nth, owner, place))
    place, owner = place[order], owner[order]
    user = np.arange(users, dtype=np.uint32)
    if counts is None:
        draw = draws.uniform(Stream.USER_ATTRIBUTE, user, TIE_COUNT)
        counts = (-log32(draw) * np.float32(population["ties_mean"]) + np.float32(0.5)).astype(
            np.int64
        )
    counts = np.minimum(counts, _TIES_MAX)
    follower = np.repeat(user, counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    tie = (np.arange(len(follower)) - first).astype(np.uint32)
    point = draws.bits(Stream.USER_TIE, follower, tie)
    at = np.searchsorted(place, point) % len(place)
    return Ties(follower, owner[at], users)


def _persona(
    user: np.ndarray, population: Mapping[str, Any], personas: Mapping[str, Any], draws: Draws
) -> np.ndarray:
    if population["persona_use"] == "none":
        return np.full(len(user), NO_PERSONA, np.uint8)
    return _inverse(draws, user, PERSONA, personas["shares"]).astype(np.uint8)


def _inverse(draws: Draws, user: np.ndarray, attribute: int, shares: list[float]) -> np.ndarray:
    """Pick a class of a fixed list by its shares: the list does not differ between arms."""
    edges = np.cumsum(np.asarray(shares, np.float64))
    draw = draws.uniform(Stream.USER_ATTRIBUTE, user, attribute).astype(np.float64)
    return np.minimum(np.searchsorted(edges / edges[-1], draw, side="right"), len(shares) - 1)


def _category_interest(
    persona: np.ndarray,
    population: Mapping[str, Any],
    personas: Mapping[str, Any],
    categories: int,
) -> np.ndarray:
    """Interest of each user's persona in each category, float32 (U, K)."""
    base = np.full(categories, np.float32(population["interest_base"]), np.float32)
    table = np.stack(
        [np.asarray(personas[name], np.float32)[:categories] for name in personas["names"]]
    )
    known = np.minimum(persona, len(table) - 1)
    return np.where((persona != NO_PERSONA)[:, None], table[known], base[None, :])


def _with_humor(
    weights: np.ndarray, humor: np.ndarray, population: Mapping[str, Any]
) -> np.ndarray:
    """Raise or lower the interest in comedy by humour affinity; nothing on average."""
    comedy, size = int(population["humor_category"]), np.float32(population["humor_taste"])
    out = weights.copy()
    if comedy < out.shape[1]:
        lean = humor.astype(np.float32) * np.float32(2.0 / 255.0) - np.float32(1.0)
        out[:, comedy] *= np.float32(1.0) + size * lean
    return out


def _pick(weights: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Pick a category of each user's list in proportion to the squared interest."""
    edges = np.cumsum(weights.astype(np.float64) ** 2, axis=1)
    target = draw.astype(np.float64) * edges[:, -1]
    return (edges < target[:, None]).sum(axis=1).clip(max=weights.shape[1] - 1).astype(np.uint16)
