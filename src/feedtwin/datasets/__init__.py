"""Data adaptors: from files that a user has to the tables of a world. Nothing here downloads anything."""

from collections.abc import Mapping
from pathlib import Path
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
    "series_names",
]


def adaptor_names() -> tuple[str, ...]:
    """Names that `adaptor` knows; "table" needs a column map."""
    return ("kuairand", "kuairec", "table")


def series_names() -> tuple[str, ...]:
    """Names of the adaptors of series and cascades (`feedtwin.datasets.series.SERIES`)."""
    return ("hashtag-views", "trend-lists", "cascades", "video-growth")


def adaptor(
    name: str, parameters: Mapping[str, Any] | None = None, map_file: str | Path | None = None
) -> Adaptor:
    """The adaptor of a name; imports pyarrow.

    Args:
        name: one of `adaptor_names()`.
        parameters: a run's parameters by full path; the section `kuairand_fit` holds the fit's constants.
        map_file: the column map of the adaptor "table".

    Raises:
        SettingsError: No adaptor has the name, or the column map is missing.
    """
    from feedtwin.errors import SettingsError

    if name == "kuairand":
        from feedtwin.datasets.kuairand import KuaiRand

        return KuaiRand(parameters or {})
    if name == "kuairec":
        from feedtwin.datasets.kuairec import KuaiRec

        return KuaiRec(parameters or {})
    if name != "table":
        raise SettingsError(f"data.adaptor: found {name!r}; expected one of {adaptor_names()}.")
    if map_file is None:
        raise SettingsError(
            "the adaptor 'table' reads a log by a column map, and none is given; expected --map FILE (in Python map_file)"
        )
    from feedtwin.datasets.mapped import Mapped

    return Mapped(map_file, parameters or {})
