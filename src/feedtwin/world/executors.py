"""Which part executes which action."""

from collections.abc import Mapping
from typing import Any

from feedtwin.errors import SchemaError
from feedtwin.schema.actions import ACTIONS


def executors_of(twins: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part that has `do_<action>`, for each action that some part of `twins` executes.

    Raises:
        SchemaError: Two parts execute one action, or a part of another twin than the declared one does.
    """
    found: dict[str, Any] = {}
    for twin, whole in twins.items():
        for part in whole.parts:
            for action in ACTIONS.values():
                if not hasattr(part, f"do_{action.name.lower()}"):
                    continue
                if action.name in found or action.executor != twin:
                    raise SchemaError(
                        f"{type(part).__name__}.do_{action.name.lower()}: expected one executor, of the "
                        f"{action.executor} twin (schema/actions.py)"
                    )
                found[action.name] = part
    return found
