"""What people do about what they saw, beyond watching: wishes become action batches, actions become events."""

from collections.abc import Iterator

import numpy as np

from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import EdgeKind
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.session import FOLLOW, SHARE
from feedtwin.twins.part import Part
from feedtwin.twins.social import first_wishes


class Acting(Part):
    """Turns the impressions of a step into actions, and executes those that only concern ties."""

    name = "acting"

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield what users ask for after the slates of a step."""
        seen = reactions.flagged(FOLLOW)
        seen = seen.where(seen.creator < len(self.sight.users))  # nobody follows an advertiser
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
        chosen = first_wishes(wish.user, wish.target, wish.request, wish.slot)
        return [
            edges_changed(
                wish.step, EdgeKind.FOLLOW, True, wish.user[chosen], wish.target[chosen],
                wish.request[chosen], wish.slot[chosen],
            )
        ]  # fmt: skip

    def do_unfollow(self, wish: ActionBatch) -> list[Batch]:
        """Cut ties; those that are not there are left out."""
        chosen = first_wishes(wish.user, wish.target)
        user, target = wish.user[chosen], wish.target[chosen]
        tied = self.sight.ties.has(user, target)
        return [edges_changed(wish.step, EdgeKind.FOLLOW, False, user[tied], target[tied])]


def edges_changed(
    step: int,
    edge: EdgeKind,
    added: bool,
    user: np.ndarray,
    target: np.ndarray,
    request: np.ndarray | None = None,
    slot: np.ndarray | None = None,
) -> EventBatch:
    """Return SOCIAL_GRAPH_UPDATED for edges (N,) of one kind, all added or all removed."""
    rows = len(user)
    columns = {
        "user": user,
        "target": target,
        "edge": np.full(rows, edge, np.uint8),
        "added": np.full(rows, added, np.uint8),
        "request": np.zeros(rows, np.uint32) if request is None else request,
        "slot": np.zeros(rows, np.uint8) if slot is None else slot,
    }
    return EventBatch("SOCIAL_GRAPH_UPDATED", step, columns)
