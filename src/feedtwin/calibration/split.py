"""Who and what is held out: people by a hash of their id, and the last days of everybody."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import Flags
from feedtwin.datasets.encounters import EncounterLog


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of a log: those of the fit, later days of the same people, and people whom the fit never met."""

    train: Flags
    days: Flags
    people: Flags


def split_log(log: EncounterLog, constants: Mapping[str, Any]) -> Split:
    """Splits a log.

    A person is held out when the first 32 bits of sha256("WORD:ID"), as a share of 2^32, lie below the share.

    Args:
        log: the log.
        constants: `split.users`, `split.days`, `split.seed_word`.

    Returns:
        The split; every row is in exactly one of its parts.
    """
    stranger = held_out_people(log, constants)[log.rows.user]
    late = log.rows.day >= log.provenance.days - int(constants["split.days"])
    return Split(~stranger & ~late, ~stranger & late, stranger)


def held_out_people(log: EncounterLog, constants: Mapping[str, Any]) -> Flags:
    """Whether each person of the user table is held out, (N,); constants as in `split_log`."""
    word, share = constants["split.seed_word"], constants["split.users"]
    return np.array(
        [_hash(f"{word}:{key}") < share for key in log.users.key.tolist()], dtype=np.bool_
    )


def _hash(text: str) -> float:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2.0**32
