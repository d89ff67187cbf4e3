"""Name -> factory, so that a settings file can choose a part and say what it chose.

A part is found by its listed name, by an entry point of an installed package, or as `module:Class`.
Nothing is scanned at import: folders list their members.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar

from feedtwin.errors import SettingsError
from feedtwin.schema.nearest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Registry(Generic[T]):
    """Factories of one kind of part, by name."""

    def __init__(self, kind: str, group: str | None = None) -> None:
        """Create an empty registry.

        Args:
            kind: What the parts are, for messages: `recommendation policy`.
            group: Entry-point group in which other packages list theirs.
        """
        self.kind = kind
        self.group = group
        self._factories: dict[str, Callable[..., T]] = {}

    def register(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Return a decorator that lists a factory under a name.

        Raises:
            SettingsError: Another factory has the name.
        """

        def listed(factory: Callable[..., T]) -> Callable[..., T]:
            if self._factories.setdefault(name, factory) is not factory:
                raise SettingsError(f"{self.kind} {name!r} is listed twice")
            return factory

        return listed

    def names(self) -> list[str]:
        """Return the listed names, entry points of installed packages included, sorted."""
        return sorted({*self._factories, *self._entry_points()})

    def factory(self, name: str) -> Callable[..., T]:
        """Return the factory for a name or a `module:Class` text.

        Raises:
            SettingsError: Nothing has that name; the nearest one is suggested.
        """
        if name in self._factories:
            return self._factories[name]
        if ":" in name:
            return self._imported(name)
        points = self._entry_points()
        if name in points:
            return self._imported(points[name])
        known = sorted({*self._factories, *points})
        raise SettingsError(
            f"no {self.kind} is called {name!r}{suggest(name, known)} "
            f"(there is: {', '.join(known)}; or give module:Class)"
        )

    def _entry_points(self) -> dict[str, str]:
        if self.group is None:
            return {}
        from importlib.metadata import entry_points  # slow to import, rarely needed

        return {point.name: point.value for point in entry_points(group=self.group)}

    def _imported(self, text: str) -> Callable[..., T]:
        module, _, attribute = text.partition(":")
        if not module or not attribute:
            raise SettingsError(f"{self.kind} {text!r}: expected module:Class")
        try:
            found: Callable[..., T] = getattr(import_module(module), attribute)
        except AttributeError:
            raise SettingsError(
                f"{self.kind} {text!r}: module {module} has no {attribute!r}"
            ) from None
        except (
            Exception
        ) as error:  # foreign code: whatever importing it raises is its author's to mend
            raise SettingsError(
                f"{self.kind} {text!r}: importing it raised {type(error).__name__}: {error}"
            ) from error
        return found
