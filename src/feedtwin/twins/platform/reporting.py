"""Reports reach the platform: who reported what, and how toxic it seemed to them."""

from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.part import Part
from feedtwin.twins.social import first_wishes


class Reporting(Part):
    """Executes REPORT_POST; what becomes of a report is for whoever handles CONTENT_REPORTED."""

    name = "reporting"

    def do_report_post(self, wish: ActionBatch) -> list[Batch]:
        """File one report per user and item, the first."""
        chosen = first_wishes(wish.user, wish.item, wish.request, wish.slot)
        names = ("user", "request", "slot", "item", "toxicity", "reason")
        columns = {name: wish.columns[name][chosen] for name in names}
        return [EventBatch("CONTENT_REPORTED", wish.step, columns)]

    def on_content_reported(self, reported: EventBatch) -> None:
        """Count the reports."""
        self.sight.telemetry.add("reports", reported.rows)
