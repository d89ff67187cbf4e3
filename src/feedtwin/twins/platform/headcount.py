"""Totals of what people do beside watching: who comes and goes, ties cut, mutes, words about videos."""

import numpy as np

from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import EdgeKind, PreferenceCause, SocialActivityKind
from feedtwin.twins.part import Part

_ACTIVITIES = {
    SocialActivityKind.VIDEO_UNLIKED: "unlikes",
    SocialActivityKind.VIDEO_SAVED: "saves",
    SocialActivityKind.VIDEO_NOT_INTERESTED: "not_interested",
    SocialActivityKind.SIGNED_UP: "signups",
    SocialActivityKind.LEFT_PLATFORM: "departures",
}
_EDGES = {
    (EdgeKind.FOLLOW, 0): "unfollows",
    (EdgeKind.MUTE, 1): "mutes",
    (EdgeKind.MUTE, 0): "unmutes",
}


class Headcount(Part):
    """Adds to the running totals; keeps nothing of its own."""

    name = "headcount"

    def on_social_activity(self, said: EventBatch) -> None:
        """Count social activities about videos and membership."""
        for kind, name in _ACTIVITIES.items():
            self.sight.telemetry.add(name, int(np.count_nonzero(said.kind == kind)))

    def on_social_graph_updated(self, updated: EventBatch) -> None:
        """Count ties cut, and mutes made and lifted."""
        for (edge, added), name in _EDGES.items():
            which = (updated.edge == edge) & (updated.added == added)
            self.sight.telemetry.add(name, int(np.count_nonzero(which)))

    def on_preference_updated(self, updated: EventBatch) -> None:
        """Count creators' reviews and turns."""
        for cause, name in (
            (PreferenceCause.RESULTS, "creator_reviews"),
            (PreferenceCause.NICHE, "creator_turns"),
        ):
            self.sight.telemetry.add(name, int(np.count_nonzero(updated.cause == cause)))
