"""Kernels that let one request be looked at: the same results, and a look before each call touches its user.

A trace must see what the hot path computed with, whatever path ran. All of it goes through `Kernels.call`, so
that is where to stand: the arguments of a call, cut to one request, are handed on before the call is made.
"""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from feedtwin import numerics
from feedtwin.kernels.binding import F4, U4, Kernels
from feedtwin.kernels.specs import KERNELS
from feedtwin.randomness import philox4x32
from feedtwin.twins.hot import REFERENCE_ROWS
from feedtwin.twins.references import REFERENCES

Look = Callable[[str, SimpleNamespace], None]
WATCHED = ("encounter", "encounter_fitted", "learn", "estimate")
"""What happens to a slate after it was served, once each; an encounter in one of its two forms."""


class Watching(Kernels):
    """Kernels for a world in which one request of one user is traced: `arm` them when it is made.

    Without a native build the NumPy references run; either way calls come through here.
    """

    def __init__(self, inner: Kernels, user: int, look: Look) -> None:
        """Watch a user.

        Args:
            inner: The kernels that compute.
            user: Whose request.
            look: Called with a kernel's name and its arguments cut to the request, before it runs.
        """
        super().__init__(inner.name, inner._library, inner.threads, inner.note)
        self._user, self._look = user, look
        self._waiting_for: set[str] = set()

    def arm(self) -> None:
        """Look at the next call of each kind that holds the user: those of the request just made."""
        self._waiting_for = set(WATCHED)

    @property
    def native(self) -> bool:
        """Always true, so that every hot function is called here."""
        return True

    def call(
        self,
        name: str,
        arrays: Mapping[str, npt.NDArray[Any] | None],
        scalars: Mapping[str, int | float],
        rows: int,
        grain: int = 1,
        *,
        serial: bool = False,
    ) -> int:
        """Look, then run kernel `name`; see `Kernels.call`."""
        if name in self._waiting_for:
            self._watch(name, {k: v for k, v in arrays.items() if v is not None}, scalars, rows)
        if self._library is not None:
            return super().call(name, arrays, scalars, rows, grain, serial=serial)
        a = SimpleNamespace(**arrays, **_typed(name, scalars))
        for low in range(0, rows, REFERENCE_ROWS):
            REFERENCES[name](a, low, min(low + REFERENCE_ROWS, rows))
        return 0

    def philox(
        self,
        words: tuple[U4, U4, U4, U4],
        key: tuple[int, int],
        rows: int,
        wanted: Sequence[int] = (0, 1, 2, 3),
    ) -> tuple[U4, ...]:
        """Return the wanted Philox output words of `rows` counters; see `Kernels.philox`."""
        if self._library is not None:
            return super().philox(words, key, rows, wanted)
        a, b, c, d = (np.broadcast_to(word, rows) for word in words)
        made = philox4x32(a, b, c, d, *key)
        return tuple(made[w] for w in wanted)

    def numerics(self, function: str, x: F4) -> F4:
        """Return one of the elementary functions; see `Kernels.numerics`."""
        if self._library is not None:
            return super().numerics(function, x)
        made: F4 = getattr(numerics, function)(x)
        return made

    def _watch(
        self,
        name: str,
        arrays: Mapping[str, npt.NDArray[Any]],
        scalars: Mapping[str, int | float],
        rows: int,
    ) -> None:
        found = np.nonzero(arrays["user"][:rows] == np.uint32(self._user))[0]
        if len(found):
            self._waiting_for -= {name}
            self._look(name, one_lane(name, arrays, scalars, int(found[0])))


def one_lane(
    name: str,
    arrays: Mapping[str, npt.NDArray[Any]],
    scalars: Mapping[str, int | float],
    lane: int,
) -> SimpleNamespace:
    """Return the arguments of a call for one of its rows, as the kernel's reference takes them.

    Everything that the kernel writes is a copy. Where it writes columns of users, those are cut to the
    one user, who then has id 0.
    """
    cut = dict(arrays)
    fields = [one for one in KERNELS[name].fields if one.shape and one.name in arrays]
    for one in fields:
        if one.shape[0] == "R":
            cut[one.name] = arrays[one.name][lane : lane + 1].copy()
    if any(one.written and one.shape[0] == "U" for one in fields):
        user = int(arrays["user"][lane])
        for one in fields:
            if one.shape[0] == "U":
                cut[one.name] = arrays[one.name][user : user + 1].copy()
        cut["user"] = np.zeros(1, np.uint32)
    return SimpleNamespace(**cut, **_typed(name, scalars))


def _typed(name: str, scalars: Mapping[str, int | float]) -> dict[str, np.float32 | int | float]:
    """Return scalars in the types that references compute with: float32 travels to C as a double."""
    narrow = {one.name for one in KERNELS[name].fields if one.kind == "f4"}
    return {key: np.float32(value) if key in narrow else value for key, value in scalars.items()}
