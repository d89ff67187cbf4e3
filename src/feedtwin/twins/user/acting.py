"""What people do about what they saw, beyond watching: wishes become action batches, actions become events."""

from collections.abc import Iterator

import numpy as np

from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import EdgeKind
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.session import FOLLOW, SHARE
from feedtwin.twins.part import Part


class Acting(Part):
    """Turns the impressions of a step into actions, and executes those that only concern ties."""

    name = "acting"

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield what users ask for after the slates of a step."""
        seen = reactions.flagged(FOLLOW)
        yield asked(
            "FOLLOW", reactions.step, user=seen.user, target=seen.creator, request=seen.request,
            slot=seen.slot,
        )  # fmt: skip
        shared = reactions.flagged(SHARE)
        yield asked(
            "SHARE_VIDEO", reactions.step, user=shared.user, item=shared.item,
            request=shared.request, slot=shared.slot,
        )  # fmt: skip

    def do_follow(self, wish: ActionBatch) -> list[Batch]:
        """Tie users to whom they want to follow; several wishes for one tie count once, the first."""
        order = np.lexsort((wish.slot, wish.request, wish.target, wish.user))
        user, target = wish.user[order], wish.target[order]
        first = np.ones(len(user), bool)
        first[1:] = (user[1:] != user[:-1]) | (target[1:] != target[:-1])
        chosen = order[first]
        rows = len(chosen)
        columns = {
            "user": wish.user[chosen],
            "target": wish.target[chosen],
            "edge": np.full(rows, EdgeKind.FOLLOW, np.uint8),
            "added": np.ones(rows, np.uint8),
            "request": wish.request[chosen],
            "slot": wish.slot[chosen],
        }
        return [EventBatch("SOCIAL_GRAPH_UPDATED", wish.step, columns)]
