"""Making a policy: foreign code, which must be there whole before a world asks it anything."""

from typing import Any

from feedtwin.errors import FeedtwinError, PolicyError
from feedtwin.policies.interface import CONTRACTS, PolicyEntry


def required(lever: str) -> list[str]:
    """Return the names of the methods and attributes that the contract of a lever asks for."""
    return [name for name in vars(CONTRACTS[lever]) if not name.startswith("_")]


def missing(policy: object, lever: str) -> list[str]:
    """Return what the contract of a lever asks for and a policy, or its class, does not have."""
    contract = CONTRACTS[lever]
    return [name for name in required(lever) if not _answers(policy, name, contract)]


def make(entry: PolicyEntry, *settings: Any) -> Any:
    """Return a policy, made from its settings and found to have every method that it will be asked for.

    Raises:
        PolicyError: It cannot be made, or lacks a method.
    """
    spec = entry.spec
    try:
        policy = entry.factory(*settings)
    except FeedtwinError:
        raise
    except Exception as error:  # foreign code: what it raises is its author's to mend
        raise PolicyError(
            f"{spec}: making it raised {type(error).__name__}: {error}; expected a policy made from the "
            f"settings of {', '.join((entry.section, *entry.more))}. Mend its __init__"
        ) from error
    lacking = missing(policy, entry.lever)
    if lacking:
        raise PolicyError(
            f"{spec}: {type(policy).__name__} has no {', '.join(lacking)}; expected a {entry.lever} policy to "
            f"have {', '.join(required(entry.lever))}. `feedtwin check` shows what each is given"
        )
    return policy


def _answers(policy: object, name: str, contract: type) -> bool:
    """Whether a policy has what its contract names: a method, or an attribute where that is a property."""
    if isinstance(vars(contract)[name], property):
        return hasattr(policy, name)
    return callable(getattr(policy, name, None))
