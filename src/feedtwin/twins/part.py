"""A part of a twin: tables of its own, the handlers that write them, and the actions it executes.

A twin is an ordered list of parts, itself first. The bus hands an event to every part of a consuming twin
that has `on_<event>`, in that order; the world hands an action to the one part that has `do_<action>`, asks
parts with `due(step)` what is due at a step barrier, parts of the User twin with `act(reactions)` what
people do beyond watching, and any part with `settle(reactions)` what follows from a step's slates; at its
end, `check(step)` may raise. A part reads other parts' frozen tables and writes its own, in its handlers only.
So a mechanism (money, trends, live rooms) lives in one place and can be left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from feedtwin.columns import Columns, FrozenColumns

Arrays = dict[str, np.ndarray]


def nothing_trends(kind: int) -> np.ndarray:
    """Return no keys: what creators see of a TrendKind where nobody tracks trends."""
    return np.zeros(0, np.uint32)


@dataclass(frozen=True)
class Sight:
    """What any part may read: frozen tables of all twins and look-ups. Nobody writes through it.

    Attributes:
        users: The users table; one row per user.
        items: The items table; one row per video.
        accounts: The platform's estimates of users.
        catalogue: Exposure stages and velocities; one row per video.
        ties: Follow edges (`offset`, `hash`, `user`, `has`).
        topics: Category vectors, int8 (K, 50), and 1 / their norms, float32 (K,).
        rows_of: Looks up content rows by item id.
        active_users: Users with a session within the active window, at a step.
        telemetry: The running totals, to which handlers of the platform add.
        view: What policies may see at a step.
        shared: What parts let others read, by name (see `offered`).
        executes: Whether some part of this world executes an action, by its name.
        trending: Keys (u4) of a TrendKind that trend now, the fastest first; none where nobody tracks trends.
    """

    users: FrozenColumns
    items: FrozenColumns
    accounts: FrozenColumns
    catalogue: FrozenColumns
    ties: Any
    topics: tuple[np.ndarray, np.ndarray]
    rows_of: Callable[[np.ndarray], np.ndarray]
    active_users: Callable[[int], int]
    telemetry: Any
    view: Callable[[int], Any]
    shared: Mapping[str, Any]
    executes: Callable[[str], bool]
    trending: Callable[[int], np.ndarray] = nothing_trends


class Keeper(Protocol):
    """What keeps state that is no table: ties, edges."""

    def state(self) -> Arrays:
        """Return the arrays a snapshot keeps."""
        ...

    def load_state(self, state: Arrays) -> None:
        """Restore from a snapshot."""
        ...


class Part:
    """Base of the parts: keeps tables and other state, opens them to handlers, saves and restores them.

    Attributes:
        name: Prefix of the part's columns in snapshots; unique in its twin.
        tables: The tables that this part owns.
        keepers: Other state that it owns, by name.
        offers: Look-ups over them that others may call, by name.
    """

    name = ""
    offers: Mapping[str, Callable[..., Any]] = MappingProxyType({})

    sight: Sight

    def __init__(self, *tables: Columns, keepers: Mapping[str, Keeper] | None = None) -> None:
        self.tables: Sequence[Columns] = tables
        self.keepers: Mapping[str, Keeper] = keepers or {}

    def bind(self, sight: Sight) -> None:
        """Take what this part may read; called once, when the world is put together."""
        self.sight = sight

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let this part's handlers write; opened by the bus."""
        with ExitStack() as stack:
            for table in self.tables:
                stack.enter_context(table.writing())
            yield

    def state(self) -> Arrays:
        """Return everything a snapshot must keep, by column."""
        return {**self.user_state(), **self.rest_state()}

    def user_state(self) -> Arrays:
        """Return the columns with one row per user; the digest covers them block by block."""
        return self._columns(keyed_by_user=True)

    def rest_state(self) -> Arrays:
        """Return what belongs to no user."""
        rest = self._columns(keyed_by_user=False)
        for keeper_name, keeper in self.keepers.items():
            rest |= {f"{keeper_name}.{name}": array for name, array in keeper.state().items()}
        return rest

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        for table in self.tables:
            start = f"{table.spec.name}."
            table.load_state({n: state[start + n] for n in table.spec.by_name})
        for keeper_name, keeper in self.keepers.items():
            names = keeper.state()
            keeper.load_state({name: state[f"{keeper_name}.{name}"] for name in names})

    def _columns(self, *, keyed_by_user: bool) -> Arrays:
        return {
            f"{table.spec.name}.{name}": array
            for table in self.tables
            if (table.spec.key == "user") == keyed_by_user
            for name, array in table.state().items()
        }


def offered(parts: Iterable[Part]) -> dict[str, Any]:
    """Return what parts let others read: tables by name, keepers and look-ups as `<part>.<name>`."""
    found: dict[str, Any] = {}
    for part in parts:
        found |= {table.spec.name: table.frozen for table in part.tables}
        for named in (part.keepers, part.offers):
            found |= {f"{part.name}.{name}": value for name, value in named.items()}
    return found


def prefixed(parts: Sequence[Part], arrays: str) -> Arrays:
    """Return one method's arrays of some parts (`state`, `user_state`, `rest_state`), `<part>.<column>`."""
    return {
        f"{part.name}.{name}": array
        for part in parts
        for name, array in getattr(part, arrays)().items()
    }


def load_parts(parts: Sequence[Part], state: Mapping[str, np.ndarray]) -> None:
    """Restore parts from the arrays that `prefixed(parts, "state")` gave."""
    for part in parts:
        start = f"{part.name}."
        part.load_state({k.removeprefix(start): v for k, v in state.items() if k.startswith(start)})
