"""The tasks of this package; importing it lists them."""

from feedtwin.llm.tasks import campaign, caption, comment, decision, persona, trend

__all__ = ["campaign", "caption", "comment", "decision", "persona", "trend"]
