"""Reports reach the platform: who reported what, and how toxic it seemed to them."""

import numpy as np

from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.part import Part


class Reporting(Part):
    """Executes REPORT_POST; what becomes of a report is for whoever handles CONTENT_REPORTED."""

    name = "reporting"

    def do_report_post(self, wish: ActionBatch) -> list[Batch]:
        """File one report per user and item, the first."""
        order = np.lexsort((wish.slot, wish.request, wish.item, wish.user))
        user, item = wish.user[order], wish.item[order]
        first = np.ones(len(user), bool)
        first[1:] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
        chosen = order[first]
        names = ("user", "request", "slot", "item", "toxicity", "reason")
        columns = {name: wish.columns[name][chosen] for name in names}
        return [EventBatch("CONTENT_REPORTED", wish.step, columns)]

    def on_content_reported(self, reported: EventBatch) -> None:
        """Count the reports."""
        self.sight.telemetry.add("reports", reported.rows)
