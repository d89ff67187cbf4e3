"""Data adaptors: from files that a user has to the tables of a world. Nothing here downloads anything."""

from collections.abc import Mapping
from typing import Any

from feedtwin.datasets.adaptor import (
    Accounts,
    Adaptor,
    Catalogue,
    Categories,
    People,
    RealWorld,
    WatchLog,
)
from feedtwin.datasets.constants import fit_constants, sample_path

__all__ = [
    "Accounts",
    "Adaptor",
    "Catalogue",
    "Categories",
    "People",
    "RealWorld",
    "WatchLog",
    "adaptor",
    "adaptor_names",
    "fit_constants",
    "sample_path",
]


def adaptor_names() -> tuple[str, ...]:
    """Names that `adaptor` knows."""
    return ("kuairand",)


def adaptor(name: str, parameters: Mapping[str, Any] | None = None) -> Adaptor:
    """The adaptor of a name; imports pyarrow.

    Args:
        name: one of `adaptor_names()`.
        parameters: a run's parameters by full path; the section `kuairand_fit` holds the fit's constants.

    Raises:
        SettingsError: No adaptor has the name.
    """
    from feedtwin.datasets.kuairand import KuaiRand
    from feedtwin.errors import SettingsError

    if name != "kuairand":
        raise SettingsError(f"data.adaptor: found {name!r}; expected one of {adaptor_names()}.")
    return KuaiRand(parameters or {})
