"""Each archetype's signature moves what CON-4 says it should, and what has no path to an outcome moves nothing.

Feeds are random and the intercept is fixed, so that neither serving nor calibration makes up for a change.
"""

import numpy as np
import pytest

from feedtwin.schema.parameters import load_defaults
from feedtwin.twins.content.embeddings import P_UNIT, VISUAL

NAMES = load_defaults().get("archetypes.names")
RANDOM = (
    "policies.recommendation=random", "policies.promotion=none",
    "interaction.skip_intercept_from=parameter", "population.videos_per_user=1",
)  # fmt: skip
SHAPE = {"users": 300, "steps": 12, "replicates": 8}


def column(name, archetype, value):
    """The `--set` text that gives one archetype its own value of a signature."""
    values = list(load_defaults().get(f"archetypes.{name}"))
    values[NAMES.index(archetype)] = value
    return f"archetypes.{name}={values}"


def per_view(archetype, counter):
    """A counter of an archetype's videos over their views."""

    def measure(world):
        items = world.content.table
        mine = items.category == NAMES.index(archetype)
        return getattr(items, counter)[mine].sum() / items.impressions[mine].sum()

    return measure


SIGNATURES = [
    # archetype, signature, base, treated, measured, more, other settings
    ("gaming", "match_slope", 1.0, 1.5, "skips", True, ()),
    ("pets", "match_slope", 1.0, 0.5, "skips", False, ()),
    ("pets", "match_slope", 1.0, 0.5, "watch_ms", True, ()),
    ("news", "span_slope", 1.0, 1.8, "skips", True, ("user.attention_span_median_s=2",)),
    ("music", "share_lift", 0.0, 0.6, "shares", True, ()),
    ("fitness", "rewatch", 1.0, 1.8, "watch_ms", True, ()),
    ("educational", "rewatch", 1.0, 0.3, "watch_ms", False, ()),
    ("comedy", "finish_reward", 0.0, 0.8, "likes", True, ()),
    ("dance", "hook_mean", 0.5, 0.75, "skips", False, ()),
    ("tech", "text_weight", 0.0, 1.8, "skips", False, ("interaction.caption_channel=0.4",)),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("archetype", "name", "base", "treated", "counter", "more", "others"), SIGNATURES
)
def test_a_signature_moves_what_it_should(
    paired, kernels, archetype, name, base, treated, counter, more, others
):
    found = paired.effect(
        per_view(archetype, counter),
        [*RANDOM, *others, column(name, archetype, base)],
        [*RANDOM, *others, column(name, archetype, treated)],
        kernels,
        **SHAPE,
    )
    assert found.excludes_zero and (found.mean > 0) == more, found


def _popular_sounds_share(world):
    """Shares per view of dance videos with popular sounds, less those with unpopular ones."""
    items = world.content.table
    dance = items.category == NAMES.index("dance")
    popular = items.sound < 500  # the median sound of the library
    rates = [
        items.shares[dance & half].sum() / max(items.impressions[dance & half].sum(), 1)
        for half in (popular, ~popular)
    ]
    return rates[0] - rates[1]


@pytest.mark.slow
def test_a_dance_lives_from_its_sound(paired, kernels):
    base, treated = ([*RANDOM, column("sound_sync", "dance", sync)] for sync in (0.0, 0.4))
    found = paired.effect(_popular_sounds_share, base, treated, kernels, **SHAPE)
    assert found.low > 0, found


def _visual_share(world):
    """Correlation of fused matches of dance videos with their visual cosines alone."""
    items, content = world.content.table, world.content
    what = np.nonzero(items.category == NAMES.index("dance"))[0]
    taste = world.users.table.interests[: len(what)].astype(float)
    what = what[: len(taste)]
    seen = content.matching.embedding(items, slice(0, len(items)), VISUAL)[what].astype(float)
    wished = taste @ (content.matching.embedder.projections[VISUAL] / P_UNIT).T
    cosine = (wished * seen).sum(1) / np.linalg.norm(wished, axis=1) / np.linalg.norm(seen, axis=1)
    vectors, factor = content.match_vectors
    match = (taste * vectors[what]).sum(1) * factor[what] / np.linalg.norm(taste, axis=1)
    return np.corrcoef(match, cosine)[0, 1]


@pytest.mark.slow
def test_the_visual_weight_lets_the_picture_decide(paired, kernels):
    base, treated = (
        [*RANDOM, "interaction.match_source=fused", column("visual_weight", "dance", weight)]
        for weight in (0.1, 3.0)
    )
    found = paired.effect(_visual_share, base, treated, kernels, **{**SHAPE, "steps": 0})
    assert found.low > 0, found


PLACEBOS = [
    ("no label is given", ["interaction.label_like=-3", "interaction.label_share=-3"], ()),
    ("captions are not read", [column("text_weight", "tech", 9.0)], ()),
    ("pictures are not compared", [column("visual_weight", "dance", 9.0)], ()),
    ("embeddings are not compared", ["content.embedding_signal=0", "interaction.w_audio=7"], ()),
    ("nothing trends", ["content.trend_adoption=1"], ()),
    ("nobody answers videos", ["content.remix_inherit=1"], ()),
    ("cost is the creators' affair", [column("production_cost", "tech", 900.0)], ()),
    (
        "the match counts for nothing", [column("match_slope", "gaming", 3.0)],
        ("interaction.skip_match=0", "interaction.watch_match=0"),
    ),
    ("spans count for nothing", [column("span_slope", "news", 4.0)], ("interaction.skip_span=0",)),
    ("nothing is seen twice", [column("rewatch", "fitness", 4.0)], ("interaction.loops_max=1",)),
    ("a target that is not solved for", ["interaction.skip_target=0.9"], ()),
]  # fmt: skip


@pytest.mark.parametrize(("why", "placebo", "others"), PLACEBOS, ids=[row[0] for row in PLACEBOS])
def test_a_change_without_a_path_to_outcomes_leaves_the_digest(
    paired, kernels, why, placebo, others
):
    base = [*RANDOM, *others]
    assert paired.same_digest(base, [*base, *placebo], kernels, users=80, steps=3)
