"""Constants of the fit: the section `kuairand_fit` of the declared parameters."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from feedtwin.schema.parameters import load_defaults

Constants = Mapping[str, Any]
SECTION = "kuairand_fit."


def fit_constants(parameters: Mapping[str, Any] | None = None) -> Constants:
    """The constants by path without the section's name, with any changes laid over the defaults.

    Args:
        parameters: full path -> value; paths of other sections are passed over, so that all of a run's resolved
            parameters can be given.

    Returns:
        A mapping such as `{"affinity.baseline": 0.1, ...}`.

    Raises:
        SettingsError: A path of the section is unknown or a value lies out of its bounds.
    """
    ours = {path: value for path, value in (parameters or {}).items() if path.startswith(SECTION)}
    values = load_defaults().overlay(ours, "data adaptor").values()
    return {
        path.removeprefix(SECTION): value
        for path, value in values.items()
        if path.startswith(SECTION)
    }


def sample_path() -> Path:
    """Folder of the shipped KuaiRand sample (CC BY-SA 4.0, see its LICENSE.txt)."""
    return Path(str(files("feedtwin") / "datasets" / "kuairand_sample"))
