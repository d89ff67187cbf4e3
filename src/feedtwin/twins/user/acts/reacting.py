"""Reactions beyond the encounter: not interested, mute, unfollow, take back a like, save, report.

Skips are where dislike shows: the worse the match, the likelier it is said. What was watched can be saved or
reported, and a like can be a slip. Each reaction is one keyed draw per encounter; the draws of one group share
a generator block, so an impression costs one call of the generator, and only impressions that can lead to a
reaction cost anything. Source: USR-2 (toxicity tolerance), spec 1.4; rates are parameters.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.kernels.binding import Kernels
from feedtwin.numerics import uniform32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Outcomes, SlateBatch
from feedtwin.schema.codes import ReportReason
from feedtwin.schema.ids import SHIFT
from feedtwin.schema.reactions import Impressions, Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.session import FINISHED, LIKE, SKIP
from feedtwin.twins.hot import run
from feedtwin.twins.part import Part

_DISLIKES = (Stream.NOT_INTERESTED, Stream.MUTE, Stream.UNFOLLOW)
_LIKINGS = (Stream.UNLIKE, Stream.SAVE, Stream.REPORT)
_NEVER = -1
"""Limit of a word that decides nothing."""
_TOLERANCE_UNIT = np.float32(1.0 / 255.0)

Uniforms = dict[Stream, np.ndarray]
Able = Callable[[Outcomes], np.ndarray]
"""Which impressions of a round can lead to a reaction: outcomes to a fresh mask (R, S)."""


class ReactionConfig(BaseModel):
    """Rates of reactions; meanings and sources in `parameters/reactions.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    not_interested_rate: float
    mute_rate: float
    unfollow_rate: float
    unmute_rate: float
    unlike_rate: float
    save_rate: float
    report_rate: float
    offence_noise: float

    @property
    def any_after_watching(self) -> bool:
        """Whether anything may follow from an impression."""
        return bool(self.any_dislike or self.any_liking)

    @property
    def any_dislike(self) -> bool:
        """Whether anything may follow from a skip."""
        return self.not_interested_rate + self.mute_rate + self.unfollow_rate > 0

    @property
    def any_liking(self) -> bool:
        """Whether anything may follow from a watched video."""
        return self.unlike_rate + self.save_rate + self.report_rate > 0


class Reacting(Part):
    """Turns the impressions of a step into asks; what comes of them is decided by their executors."""

    name = "reacting"

    def __init__(self, config: ReactionConfig, draws: Draws, kernels: Kernels) -> None:
        super().__init__()
        self.config = config
        self._draws, self._kernels = draws, kernels

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield what users ask for after the slates of a step."""
        if self.config.any_dislike:
            yield from self._dislikes(reactions)
        if self.config.any_liking:
            yield from self._likings(reactions)

    def _dislikes(self, reactions: Reactions) -> Iterator[ActionBatch]:
        config, step = self.config, reactions.step
        rates = dict(
            zip(
                _DISLIKES,
                (config.not_interested_rate, config.mute_rate, config.unfollow_rate),
                strict=True,
            )
        )
        seen, draw = self._lucky(reactions, rates, _skipped)
        mismatch = np.float32(1.0) - np.maximum(self._match(seen), np.float32(0.0))
        chosen = {s: draw[s] < np.float32(rate) * mismatch for s, rate in rates.items()}
        said = seen.where(chosen[Stream.NOT_INTERESTED])
        yield asked(
            "NOT_INTERESTED", step, user=said.user, item=said.item, request=said.request,
            slot=said.slot,
        )  # fmt: skip
        muted = seen.where(chosen[Stream.MUTE])
        yield asked("MUTE", step, user=muted.user, target=muted.creator)
        tied = self.sight.ties.has(seen.user, seen.creator)
        left = seen.where(chosen[Stream.UNFOLLOW] & tied)
        yield asked("UNFOLLOW", step, user=left.user, target=left.creator)

    def _likings(self, reactions: Reactions) -> Iterator[ActionBatch]:
        config, step = self.config, reactions.step
        rates = dict(
            zip(_LIKINGS, (config.unlike_rate, config.save_rate, config.report_rate), strict=True)
        )
        seen, draw = self._lucky(reactions, rates, self._watched)
        liked, finished = (seen.flags & LIKE) != 0, (seen.flags & FINISHED) != 0
        chosen = {s: draw[s] < np.float32(rate) for s, rate in rates.items()}
        undone = seen.where(chosen[Stream.UNLIKE] & liked)
        yield asked("UNLIKE_VIDEO", step, user=undone.user, item=undone.item)
        kept = seen.where(chosen[Stream.SAVE] & (liked | finished))
        yield asked("SAVE_VIDEO", step, user=kept.user, item=kept.item)
        perceived = self._perceived(seen, draw[Stream.OFFENCE])
        offends = perceived > self._tolerance(seen.user)
        which = chosen[Stream.REPORT] & offends
        told = seen.where(which)
        yield asked(
            "REPORT_POST", step, user=told.user, item=told.item, request=told.request,
            slot=told.slot, toxicity=perceived[which],
            reason=np.full(len(told), ReportReason.TOXICITY),
        )  # fmt: skip

    # -- which impressions -----------------------------------------------------------------------

    def _lucky(
        self, reactions: Reactions, rates: dict[Stream, float], can_react: Able
    ) -> tuple[Impressions, Uniforms]:
        """The few impressions for which some draw is below its rate, and their draws.

        The generator is asked once for each impression that can lead to a reaction, in one call; nothing
        else of an impression is copied before it is known to matter.
        """
        seen = reactions.gather(
            [self._luck(slates, met, can_react(met), rates) for slates, met in reactions]
        )
        words = self._draws.words(
            _block(rates), seen.user, seen.creator, seen.ordinal, seen.meeting.astype(np.uint32)
        )
        streams = (*rates, Stream.OFFENCE) if Stream.REPORT in rates else tuple(rates)
        return seen, {stream: uniform32(words[stream.word]) for stream in streams}

    def _luck(
        self, slates: SlateBatch, met: Outcomes, able: np.ndarray, rates: dict[Stream, float]
    ) -> np.ndarray:
        """Which able impressions of a round have a draw below its rate, bool (R, S)."""
        limit = np.full(4, _NEVER, np.int64)
        for stream, rate in rates.items():
            limit[stream.word] = _last_word(rate)
        lucky = np.empty(able.shape, np.uint8)
        arrays = {
            "able": able.view(np.uint8), "user": met.user, "item": met.item,
            "meeting": slates.meeting, "limit": limit, "lucky": lucky,
        }  # fmt: skip
        scalars = {
            "block": _block(rates), "seed": self._draws.root_seed,
            "key_base": self._draws.replicate << 12,
        }  # fmt: skip
        run(self._kernels, "lucky", lucky_reference, arrays, scalars, len(able))
        return lucky.view(np.bool_)

    def _watched(self, met: Outcomes) -> np.ndarray:
        """Liked or finished where that can lead to something, and what might offend."""
        config = self.config
        bits = LIKE if config.unlike_rate or config.save_rate else 0
        bits |= FINISHED if config.save_rate else 0
        mask = (met.flags & np.uint8(bits)) != 0
        if config.report_rate:
            toxicity = self.sight.items.toxicity
            row = np.minimum(met.row, np.uint32(len(toxicity) - 1))  # empty slots have no row
            limit = self._tolerance(met.user) - np.float32(config.offence_noise)
            offends = toxicity[row] > limit[:, None]
            mask |= offends & (met.watch_ms > 0) & ((met.flags & np.uint8(SKIP)) == 0)
        return mask

    # -- what people feel ------------------------------------------------------------------------

    def _match(self, seen: Impressions) -> np.ndarray:
        """Cosine between interests and the item's vector, float32 (I,), from an exact integer dot."""
        taste = self.sight.users.interests[seen.user].astype(np.int32)
        vector = self.sight.items.vector[seen.row].astype(np.int32)
        norm2 = np.maximum(np.einsum("id,id->i", taste, taste), 1).astype(np.float32)
        inverse = self.sight.items.inv_norm[seen.row] * (np.float32(1.0) / np.sqrt(norm2))
        return np.einsum("id,id->i", taste, vector).astype(np.float32) * inverse

    def _tolerance(self, user: np.ndarray) -> np.ndarray:
        return self.sight.users.toxicity_tolerance[user].astype(np.float32) * _TOLERANCE_UNIT

    def _perceived(self, seen: Impressions, draw: np.ndarray) -> np.ndarray:
        """The toxicity a user sees in an item: the item's, and a keyed error of both signs."""
        spread = np.float32(self.config.offence_noise)
        noise = spread * (np.float32(2.0) * draw - np.float32(1.0))
        toxicity = self.sight.items.toxicity[seen.row] + noise
        return np.clip(toxicity, np.float32(0.0), np.float32(1.0))


def _skipped(met: Outcomes) -> np.ndarray:
    return (met.flags & np.uint8(SKIP)) != 0


def _block(rates: dict[Stream, float]) -> int:
    return next(iter(rates)).block


def lucky_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Write whether any word drawn for an able encounter is within its limit, `lucky` u1 (R, S).

    The key of an encounter: user, creator, upload ordinal, n-th meeting.
    """
    able, draws = a.able[lo:hi] != 0, Draws(a.seed, a.key_base >> 12)
    item, meeting = a.item[lo:hi][able], a.meeting[lo:hi][able]
    words = draws.words(
        a.block, a.user[lo:hi][np.nonzero(able)[0]], (item >> SHIFT).astype(np.uint32),
        item.astype(np.uint32), meeting.astype(np.uint32),
    )  # fmt: skip
    below = [word.astype(np.int64) <= limit for word, limit in zip(words, a.limit, strict=True)]
    a.lucky[lo:hi] = 0
    a.lucky[lo:hi][able] = np.logical_or.reduce(below)


def _last_word(rate: float) -> int:
    """The largest random word whose uniform may be below `rate`; the caller compares exactly."""
    cells = int(rate * 2**23) + 1  # uniforms are midpoints of cells (numerics.uniform32)
    return min(cells * 2**9 - 1, 2**32 - 1)
