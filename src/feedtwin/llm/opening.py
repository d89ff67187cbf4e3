"""Putting a service together from settings and environment: the one place that builds a client."""

from collections.abc import Mapping
from pathlib import Path

from feedtwin.llm.cache import Cache, Shown
from feedtwin.llm.clients import Client, LiveClient
from feedtwin.llm.records import Recorder, StepInputs
from feedtwin.llm.rehearsal import Rehearsal
from feedtwin.llm.secrets import Screen, Secret, read_key
from feedtwin.llm.service import Service
from feedtwin.llm.settings import LlmSettings
from feedtwin.llm.sources import NOTHING, Sources
from feedtwin.randomness import Draws


def open_service(
    settings: LlmSettings,
    draws: Draws,
    recorder: Recorder | None,
    *,
    cache_folder: Path | None = None,
    past: Mapping[int, StepInputs] | None = None,
    replays_until: int = NOTHING,
    is_offline: bool = False,
    client: Client | None = None,
    run: str = "RUN",
) -> Service:
    """Return the service of a run; whoever opens it closes it.

    Args:
        settings: Settings of the service.
        draws: All chance of the replicate.
        recorder: The run's journal; None in a replay.
        cache_folder: Where records of answers are; None for none.
        past: What the journal holds already, by step.
        replays_until: Last step that the journal holds whole.
        is_offline: Whether nobody may be asked: answers come from journal, cache and stand-ins.
        client: A client instead of the live one.
        run: The run's folder as a command names it, for what is said when the run stops.

    Raises:
        LLMError: The extra is not installed or the key is missing.
        SettingsError: The address is none.
        BudgetError: A model that may be asked has no known price.
    """
    screen = None
    if settings.is_live and client is None and not is_offline:
        secret = read_key(settings.key_variable, is_needed=settings.key == "required")
        screen = Screen(secret)
        client = live_client(settings, secret)
    uses_cache = cache_folder is not None and recorder is not None
    kind = (
        Shown if isinstance(client, Rehearsal) else Cache
    )  # a model that is none leaves no answers
    cache = kind(cache_folder) if uses_cache and cache_folder is not None else None
    sources = Sources(
        client=None if is_offline else client,
        cache=cache,
        screen=screen,
        past=past or {},
        replays_until=replays_until,
        run=run,
    )
    return Service(settings, draws, sources, recorder)


def live_client(settings: LlmSettings, secret: Secret) -> LiveClient:
    """Return a client for the server that the settings name."""
    return LiveClient(settings.base_url, secret, settings.call_timeout_s, settings.tokens_parameter)
