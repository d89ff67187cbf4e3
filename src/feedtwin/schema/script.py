"""Scripted actions: what a settings file or a researcher tells the world to do at which step.

An entry names a step and an action, by our name or OASIS's, and gives the action's payload:
`{step: 3, action: like_post, user: 5, item: post:12/0}`. Entries are checked when settings are resolved and
are part of them, so a run's journal holds them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from feedtwin.errors import SchemaError, SettingsError
from feedtwin.schema.actions import Action, action
from feedtwin.schema.codes import ReportReason
from feedtwin.schema.ids import LIVE_ORDINAL, POST_ORDINAL
from feedtwin.schema.nearest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from feedtwin.schema.fields import Field

LOOP_ONLY: Final[Mapping[str, str]] = {
    "REFRESH": "slates are asked for by the session loop; raise user.sessions_per_day instead",
    "WATCH_VIDEO": "it is the outcome of an encounter, which only the session loop resolves",
    "SKIP_VIDEO": "it is the outcome of an encounter, which only the session loop resolves",
    "LIKE_VIDEO": "it is the outcome of an encounter, which only the session loop resolves",
    "COMMENT_VIDEO": "it is the outcome of an encounter, which only the session loop resolves",
    "EXIT": "a session ends by the session rule (boredom, energy, cap), not by request",
    "DO_NOTHING": "it is what everybody does who opens no session; leave the entry out",
    "CREATE_VIDEO": "uploads come before the slates of a step; set user.uploads_per_day instead",
}
"""Actions that no script can ask for, and why."""
OPTIONAL: Final[Mapping[str, int]] = {
    **dict.fromkeys("text query request slot toxicity category plan".split(), 0),
    "reason": int(ReportReason.OTHER),
}
"""What fields that may be left out hold then; 0 means none."""
OPTIONAL_ITEM: Final = frozenset(("START_LIVE", "END_LIVE", "LEAVE_LIVE"))
"""Actions that know their item without being told: one's own room, or the one that one is in."""
KINDS: Final[Mapping[str, int]] = {"video": 0, "post": int(POST_ORDINAL), "live": int(LIVE_ORDINAL)}
"""Words for item ids, `kind:owner/ordinal`, and the bit that each sets in the ordinal."""
_ITEM: Final = re.compile(r"(?P<kind>[a-z]+):(?P<owner>\d+)/(?P<ordinal>\d+)")
_USERS: Final = ("user", "target")
ID_LIMIT: Final = 2**32
ORDINAL_LIMIT: Final = 2**30


def check_script(
    entries: Iterable[object],
    users: int | None,
    at: Callable[[int], str],
    steps: int | None = None,
) -> tuple[dict[str, Any], ...]:
    """Return a script with every entry checked, its payload complete, in the order given.

    Args:
        entries: Mappings with `step`, `action` and the action's payload.
        users: Number of users, or None where only the data will tell.
        at: Where the n-th entry was written, for messages.
        steps: Steps of the run, or None where they are not known.

    Raises:
        SettingsError: An entry is no mapping, or its action, a field or a value is not what it must be.
    """
    checked = []
    for place, entry in enumerate(entries):
        values = _entry(entry, at(place))
        _check_people(values, users, at(place))
        if steps is not None and values["step"] >= steps:
            raise SettingsError(
                f"{at(place)}: {values['action']} is at step {values['step']} but the run has steps 0 to "
                f"{steps - 1}; run more --steps, or leave the entry out"
            )
        checked.append(values)
    return tuple(checked)


def _entry(entry: object, where: str) -> dict[str, Any]:
    if not isinstance(entry, dict) or "action" not in entry:
        raise SettingsError(
            f"{where}: found {entry!r}; expected an entry such as "
            "{step: 3, action: FOLLOW, user: 5, target: 9}"
        )
    try:
        asked = action(str(entry["action"]))
    except SchemaError as error:
        raise SettingsError(f"{where}: {error}") from None
    if asked.name in LOOP_ONLY:
        raise SettingsError(f"{where}: {asked.name} cannot be scripted: {LOOP_ONLY[asked.name]}")
    known = [item.name for item in asked.payload]
    for name in entry:
        if name != "action" and name not in known:
            raise SettingsError(
                f"{where}: {asked.name} has no field {name!r}{suggest(str(name), known)} "
                f"(it has: {', '.join(known)})"
            )
    values = {item.name: _value(entry, item, asked, where) for item in asked.payload}
    return {"step": values.pop("step"), "action": asked.name, **values}


def _check_people(values: Mapping[str, Any], users: int | None, where: str) -> None:
    """Refuse an entry about somebody who cannot be there, or about oneself where it takes two."""
    action = values["action"]
    for name in _USERS:
        if users is not None and values.get(name, 0) >= users:
            raise SettingsError(
                f"{where}: {action}.{name} is {values[name]} but the world has users 0 to {users - 1}"
            )
    if "target" in values and values["target"] == values["user"]:
        raise SettingsError(
            f"{where}: {action} of user {values['user']} has themselves as target; expected somebody else"
        )
    owner = values.get("item", 0) >> 32
    made_by_users = values.get("item", 0) & (KINDS["post"] | KINDS["live"])
    if users is not None and made_by_users and owner >= users:
        raise SettingsError(
            f"{where}: {action}.item belongs to user {owner} but the world has users 0 to {users - 1}"
        )


def _value(entry: Mapping[str, Any], item: Field, asked: Action, where: str) -> int | float:
    """The checked value of one field."""
    if item.name not in entry:
        if item.name in OPTIONAL:
            return OPTIONAL[item.name]
        if item.name == "item" and asked.name in OPTIONAL_ITEM:
            return 0
        raise SettingsError(f"{where}: {asked.name} needs {item.name}: {item.meaning}")
    value = entry[item.name]
    if isinstance(value, str) and item.numpy_dtype.kind != "f":
        value = _named(value, item, where)
    if item.numpy_dtype.kind == "f":
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise SettingsError(f"{where}: {item.name} is {value!r} but must be a number")
        return float(value)
    limit = 256**item.numpy_dtype.itemsize
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit:
        raise SettingsError(
            f"{where}: {item.name} is {value!r} but must be a whole number from 0 to {limit - 1}"
        )
    if item.codes is not None and value not in set(item.codes):
        names = ", ".join(f"{int(code)} {code.name}" for code in item.codes)
        raise SettingsError(f"{where}: {item.name} is {value} but must be one of {names}")
    return value


def _named(text: str, item: Field, where: str) -> int:
    """The number behind a word: a code by its name, an item as `kind:owner/ordinal`."""
    if item.codes is not None:
        names = {code.name: int(code) for code in item.codes}
        if text.upper() not in names:
            raise SettingsError(
                f"{where}: {item.name} is {text!r} but must be one of {', '.join(names)}"
                f"{suggest(text.upper(), names)}"
            )
        return names[text.upper()]
    match = _ITEM.fullmatch(text)
    if item.name not in ("item", "source") or match is None or match["kind"] not in KINDS:
        raise SettingsError(
            f"{where}: {item.name} is {text!r}; expected a whole number, or for an item "
            f"`kind:owner/ordinal` with kind one of {', '.join(KINDS)}, such as post:12/0"
        )
    owner, ordinal = int(match["owner"]), int(match["ordinal"])
    if owner >= ID_LIMIT or ordinal >= ORDINAL_LIMIT:
        raise SettingsError(f"{where}: {item.name} is {text!r}: no such owner or ordinal can exist")
    return owner << 32 | KINDS[match["kind"]] | ordinal
