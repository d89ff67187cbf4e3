"""What a world solves for when it is built: the intercept that gives the mean skip that was asked for."""

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.randomness import Draws
from feedtwin.schema.settings import Settings
from feedtwin.twins.content import ContentTwin
from feedtwin.twins.interaction import InteractionConfig
from feedtwin.twins.interaction.calibrating import (
    Meeting,
    cosines,
    sample_pairs,
    skip_logits,
    solve_intercept,
)
from feedtwin.twins.user.belonging import MEMBER


def calibrated(
    settings: Settings,
    interaction: InteractionConfig,
    users: FrozenColumns,
    content: ContentTwin,
    draws: Draws,
) -> tuple[InteractionConfig, list[str]]:
    """Return the encounter's parameters with the intercept in force, and a note on it.

    What `settings.append` adds to a world is left out, so that one more user still changes nobody.

    Args:
        settings: Everything that determines the world.
        interaction: The parameters as set; `skip_intercept_from` says whether to solve.
        users: The initial users.
        content: The Content twin with the initial catalogue.
        draws: Keyed chance.
    """
    if interaction.skip_intercept_from != "target":
        return interaction, []
    added = settings.append or {}
    members = np.nonzero(users.member == MEMBER)[0]  # those added are the last
    members = members[: len(members) - len(added.get("users", []))]
    people = members[users.activity[members] > 0]
    items = content.table
    videos = np.nonzero(items.is_public[: len(items) - len(added.get("videos", []))] == 1)[0]
    if len(people) == 0 or len(videos) == 0:
        return interaction, ["skip_intercept as set: nobody or nothing is there to solve it for"]
    who, what = sample_pairs(people, videos, draws)
    vectors, factor = content.match_vectors
    met = Meeting(
        match=cosines(users.interests[who], vectors[what], factor[what]),
        hook_strength=items.hook_strength[what],
        attention_span_s=users.attention_span_s[who],
        traits=content.categories.traits[items.category[what]],
    )
    logit = skip_logits(met, interaction.scalars())
    intercept = solve_intercept(logit, interaction.skip_target)
    note = (
        f"interaction.skip_intercept solved: {intercept:.4f} gives a mean skip of "
        f"{interaction.skip_target:g} when random users meet random videos"
    )
    return interaction.model_copy(update={"skip_intercept": intercept}), [note]
