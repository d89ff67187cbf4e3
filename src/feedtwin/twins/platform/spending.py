"""What the platform spends on language models, as its events tell: totals and audit. Spec LLM-3, LLM-9.

The platform owns the optimizer; what it decides at step barriers reaches twins as LLM_TIER_CHANGED and
BUDGET_EXCEEDED. Nothing of a twin's state follows from them: who answers is in the answers themselves.
"""

from typing import Any

from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.twins.part import Part


class Spending(Part):
    """Counts and audits what became of the budget; keeps nothing of its own."""

    name = "spending_on_models"
    audited = ("LLM_TIER_CHANGED", "BUDGET_EXCEEDED")

    def audit(self, batch: EventBatch) -> list[tuple[str, str, dict[str, Any]]]:
        """Return one row per task that moved to another source, and per limit that was reached."""
        if batch.event == "BUDGET_EXCEEDED":
            columns = (
                batch.task.tolist(),
                batch.budget_microusd.tolist(),
                batch.spend_microusd.tolist(),
            )
            return [
                (
                    "platform",
                    batch.event,
                    {"task": LlmTask(task).name, "budget": budget, "spend": spend},
                )
                for task, budget, spend in zip(*columns, strict=True)
            ]
        columns = batch.task.tolist(), batch.from_source.tolist(), batch.to_source.tolist()
        return [
            (
                "platform", batch.event,
                {"task": LlmTask(task).name, "from": AnswerSource(a).name, "to": AnswerSource(b).name},
            )
            for task, a, b in zip(*columns, strict=True)
        ]  # fmt: skip

    def on_llm_tier_changed(self, changed: EventBatch) -> None:
        """Count tasks that moved to another source."""
        self.sight.telemetry.add("llm_tier_changes", changed.rows)

    def on_budget_exceeded(self, exceeded: EventBatch) -> None:
        """Note that the budget was used up."""
        self.sight.telemetry.put("llm_budget_exceeded", int(exceeded.rows > 0))
