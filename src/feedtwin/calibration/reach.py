"""What of a log the fit knows: its features, its people and videos, its surfaces, and what came before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feedtwin.calibration.design import Encoding
from feedtwin.calibration.model import EncounterModel
from feedtwin.datasets.encounters import EncounterLog, Features
from feedtwin.datasets.parquet import rows_of


@dataclass(frozen=True, slots=True)
class Supplied:
    """Which of a fit's features a table supplied.

    Attributes:
        table: "people", "videos" or "history".
        of: number of features of the fit.
        missing: those that the table lacks.
        other_kind: those that are words in the fit and numbers in the table, or the reverse; they count as not known.
    """

    table: str
    of: int
    missing: tuple[str, ...]
    other_kind: tuple[str, ...]

    def line(self) -> str:
        """In words."""
        there = self.of - len(self.missing) - len(self.other_kind)
        parts = [f"{there} of the fit's {self.of} features of {self.table}"]
        if self.missing:
            parts.append(f"lacking {', '.join(self.missing)}")
        if self.other_kind:
            parts.append(
                f"of another type than in the fit (words or numbers), so not used: {', '.join(self.other_kind)}"
            )
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a fit knows of a log; counts are of those that have rows in it.

    Attributes:
        features: one entry per table.
        people, videos: number in the log, and of those not in the fit.
        surfaces: code -> rows, for surfaces that the fit never met.
        history: people of whom an earlier history is known; None = no history was given.
    """

    features: tuple[Supplied, ...]
    people: tuple[int, int]
    videos: tuple[int, int]
    surfaces: Mapping[int, int]
    history: int | None

    def lines(self) -> list[str]:
        """In words, one line each; strangers get what their features say."""
        found = [f"features {one.line()}" for one in self.features if one.of]
        strangers = f"{self.people[1]} of {self.people[0]} people and {self.videos[1]} of {self.videos[0]} videos are not in the fit"
        history = "none" if self.history is None else f"of {self.history} people"
        found.append(f"reach   {strangers}; history: {history}")
        if self.surfaces:
            each = ", ".join(f"{code} ({rows} rows)" for code, rows in self.surfaces.items())
            found.append(
                f"flagged surfaces that the fit never met: {each}; their rows are predicted as of an unknown surface"
            )
        return found

    def as_plain(self) -> dict[str, object]:
        """In plain types, for programs."""
        return {
            "features": {
                one.table: {
                    "of": one.of,
                    "missing": list(one.missing),
                    "other_kind": list(one.other_kind),
                }
                for one in self.features
            },
            "people": {"in_log": self.people[0], "not_in_fit": self.people[1]},
            "videos": {"in_log": self.videos[0], "not_in_fit": self.videos[1]},
            "surfaces_not_in_fit": {str(code): rows for code, rows in self.surfaces.items()},
            "people_with_history": self.history,
        }


def reach(model: EncounterModel, log: EncounterLog) -> Reach:
    """Compares a log with a fit; outcomes are not looked at."""
    head = model.heads["skip"]
    users, videos = np.unique(log.rows.user), np.unique(log.rows.video)
    codes, counts = np.unique(log.rows.surface, return_counts=True)
    met = set(model.encoding.surfaces)
    return Reach(
        features=supplied(model.encoding, log),
        people=(len(users), _strangers(head.user_key, log.users.key[users])),
        videos=(len(videos), _strangers(head.video_key, log.videos.key[videos])),
        surfaces={
            int(code): int(rows)
            for code, rows in zip(codes, counts, strict=True)
            if int(code) not in met
        },
        history=None if log.earlier is None else _with_history(log.earlier, users),
    )


def _strangers(known: np.ndarray, keys: np.ndarray) -> int:
    return int(np.count_nonzero(~rows_of(known, keys)[1]))


def _with_history(earlier: Features, users: np.ndarray) -> int:
    told = np.zeros(len(users), dtype=np.bool_)
    for values in earlier.numbers.values():
        told |= ~np.isnan(values[users])
    return int(told.sum())


def supplied(encoding: Encoding, log: EncounterLog) -> tuple[Supplied, ...]:
    """Which of a fit's features each table of a log has."""
    return (
        _supplied("people", encoding.users, tuple(encoding.user_words), log.user_features),
        _supplied("videos", encoding.videos, tuple(encoding.video_words), log.video_features),
        _supplied("history", encoding.earlier, (), log.earlier or Features()),
    )


def _supplied(
    table: str, numbers: Sequence[str], words: Sequence[str], found: Features
) -> Supplied:
    wanted = (*numbers, *words)
    other = tuple(
        [n for n in numbers if n in found.words] + [n for n in words if n in found.numbers]
    )
    return Supplied(table, len(wanted), tuple(n for n in wanted if n not in found.names()), other)
