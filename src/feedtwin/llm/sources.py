"""Where answers can come from, besides stand-ins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from feedtwin.llm.cache import Cache
from feedtwin.llm.clients import Client
from feedtwin.llm.records import StepInputs
from feedtwin.llm.secrets import Screen

NOTHING: Final = -1
"""`replays_until` of a run that has no past."""


@dataclass
class Sources:
    """Where answers can come from, besides stand-ins.

    Attributes:
        client: Sends calls; None asks nobody.
        cache: Records; None has none.
        screen: Finds the server's key in text.
        past: What the journal holds already, by step.
        replays_until: Last step that the journal holds whole: nobody is asked in it or before.
        run: The run's folder as a command names it; RUN where it is not known.
    """

    client: Client | None = None
    cache: Cache | None = None
    screen: Screen | None = None
    past: Mapping[int, StepInputs] = field(default_factory=dict)
    replays_until: int = NOTHING
    run: str = "RUN"
