"""What a world can be made of: the listed policies and the declared tables, as plain rows.

Importing `world.build` imports every twin and every policy, which is what lists them.
"""

from feedtwin.policies.interface import entries, entry_of
from feedtwin.schema.settings import DEFAULT_POLICIES
from feedtwin.schema.tables import tables
from feedtwin.world import build as _build  # noqa: F401 - lists every policy and table


def policy_rows() -> list[dict[str, object]]:
    """Return one row per policy: lever, name, meaning, whether it is an oracle, where its settings are."""
    return [
        {
            "lever": entry.lever,
            "name": entry.name,
            "meaning": entry.meaning,
            "oracle": entry.oracle,
            "code": entry.code,
            "default": DEFAULT_POLICIES.get(entry.lever) == entry.name,
            "settings": entry.section,
        }
        for entry in entries()
    ]


def table_rows() -> list[dict[str, object]]:
    """Return one row per column of a declared table."""
    return list(tables())


def require_policy(lever: str, name: str) -> None:
    """Refuse a name that no policy of a lever has.

    Raises:
        SettingsError: Nothing has the name; suggests the nearest.
        PolicyError: The class found is no policy of the lever.
    """
    entry_of(lever, name)
