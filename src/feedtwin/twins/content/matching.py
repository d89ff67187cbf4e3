"""Which vector of an item interests are matched against: compact, fused, or the literal slice of noise.

The encounter computes t . v / |t| times the item's own factor, for interests t and an int8 vector v. Here v
and the factor are made so that this number is what `interaction.match_source` says.

**Fused** (INT-5). A user's preference in a modality is the projection P t of the interests (`embeddings`).
The match is the weighted mean of cosines, w_visual cos(P_v t, e_v) + w_audio cos(P_a t, e_a) +
w_text cos(P_c t, e_c) + w_compact cos(t, x), over the sum of weights. Because the columns of P are
orthogonal with norm sqrt(L), |P t| = sqrt(L) |t|, so each cosine is

    cos(P t, e) = (P t) . e / (|P t| |e|) = (t / |t|) . P^T e / (sqrt(L) |e|),

linear in t / |t|. The sum over modalities is therefore (t / |t|) . f with one 50-dimensional f per item, which
is stored with 127 = 1.0: |f| <= 1, and rounding moves a match by less than 0.01.

**Caption channel** (M-4). With `interaction.caption_channel` = c > 0, c times the category's text weight times
cos(P_c t, e_c) is added to the match, whatever its source.
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.kernels.binding import Kernels
from feedtwin.randomness import Draws
from feedtwin.twins.content.captions import is_teaser
from feedtwin.twins.content.categories import (
    CATEGORY_DIMS,
    DIMENSIONS,
    UNIT,
    Categories,
    inverse_norm,
)
from feedtwin.twins.content.config import ContentConfig
from feedtwin.twins.content.embeddings import (
    AUDIO,
    CAPTION,
    VISUAL,
    Embedder,
    metadata_keys,
    said_by,
)

COMPACT, FUSED, SLICE = "compact", "fused", "embedding_slice"
CHUNK = 1024
"""Videos whose embeddings are made at once: 6 MB."""
SLICE_UNIT = np.float32(127.0 / 4.0)
"""The literal slice in bytes: 127 = 4 standard deviations."""


@dataclass(frozen=True)
class MatchRule:
    """What a match is made of; see `parameters/interaction.yaml`."""

    source: str = COMPACT
    w_visual: float = 0.0
    w_audio: float = 0.0
    w_text: float = 0.0
    w_compact: float = 1.0
    caption_channel: float = 0.0

    @property
    def is_compact(self) -> bool:
        """Whether items' own vectors serve as they are."""
        return self.source == COMPACT and self.caption_channel == 0


class Matching:
    """Makes match vectors of items; they follow from the items table, so no snapshot keeps them."""

    def __init__(
        self,
        rule: MatchRule,
        categories: Categories,
        config: ContentConfig,
        draws: Draws,
        kernels: Kernels,
    ) -> None:
        self.rule = rule
        self.embedder = Embedder(config.embedding_signal, draws, kernels)
        self._categories = categories
        self._config = config
        self._draws = draws

    def vectors(self, items: FrozenColumns, where: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return int8 (I, 50) and the factors, float32 (I,), of some rows of the items table."""
        made = [
            self._chunk(items, slice(low, min(low + CHUNK, where.stop)))
            for low in range(where.start, where.stop, CHUNK)
        ]
        if not made:
            return np.zeros((0, DIMENSIONS), np.int8), np.zeros(0, np.float32)
        whole, factor = zip(*made, strict=True)
        return np.concatenate(whole), np.concatenate(factor)

    def embedding(self, items: FrozenColumns, where: slice, kind: int) -> np.ndarray:
        """Return the embeddings of one kind of some rows, float32 (I, length)."""
        keys, about = self._metadata(items, where, kind)
        return self.embedder.embeddings(keys, kind, about)

    def _metadata(
        self, items: FrozenColumns, where: slice, kind: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Keys of the metadata that an embedding sees, and what they say (int8 (I, 50))."""
        category = items.category[where]
        if kind == AUDIO:
            return metadata_keys(AUDIO, items.sound[where], category), (
                self._categories.vectors[category]
            )
        about = said_by(items.vector[where])
        if kind == VISUAL:
            seen = (items.creator[where], category, items.hashtags[where])
            return metadata_keys(VISUAL, *seen), about
        teases = is_teaser(
            items.creator[where], items.ordinal[where], self._config.caption_teaser, self._draws
        )
        about[teases, :CATEGORY_DIMS] = 0
        return metadata_keys(CAPTION, items.text[where]), about

    def _chunk(self, items: FrozenColumns, where: slice) -> tuple[np.ndarray, np.ndarray]:
        rule = self.rule
        if rule.source == SLICE:
            keys, about = self._metadata(items, where, VISUAL)
            start = self.embedder.embeddings(keys, VISUAL, about, DIMENSIONS) * SLICE_UNIT
            vectors = np.clip(start, -UNIT, UNIT).astype(np.int8)
            if rule.caption_channel == 0:
                return vectors, inverse_norm(vectors)
            own = _unit(vectors)
        else:
            own = _unit(items.vector[where])
        category = items.category[where]
        caption = np.zeros_like(own)
        if rule.caption_channel or (rule.source == FUSED and rule.w_text):
            caption = self._cosines(items, where, CAPTION)
        if rule.source == FUSED:
            own = self._fused(items, where, own, caption)
        channel = rule.caption_channel * self._categories.text_weight[category].astype(np.float64)
        most = 1.0 + rule.caption_channel * float(self._categories.text_weight.max(initial=0))
        whole = np.rint((own + channel[:, None] * caption) * (UNIT / most))
        factor = np.full(len(own), most / UNIT, np.float32)
        return np.clip(whole, -UNIT, UNIT).astype(np.int8), factor

    def _fused(
        self, items: FrozenColumns, where: slice, own: np.ndarray, caption: np.ndarray
    ) -> np.ndarray:
        """The weighted mean of the modalities' vectors, float64 (I, 50)."""
        rule, category = self.rule, items.category[where]
        ones = np.ones(len(own))
        parts = (
            (rule.w_visual * self._categories.visual_weight[category].astype(np.float64), VISUAL),
            (rule.w_audio * ones, AUDIO),
        )
        text = rule.w_text * self._categories.text_weight[category].astype(np.float64)
        total = rule.w_compact * ones + text
        whole = rule.w_compact * own + text[:, None] * caption
        for weight, kind in parts:
            if weight.any():
                whole = whole + weight[:, None] * self._cosines(items, where, kind)
            total = total + weight
        return whole / np.where(total > 0, total, 1.0)[:, None]

    def _cosines(self, items: FrozenColumns, where: slice, kind: int) -> np.ndarray:
        """P^T e / (sqrt(L) |e|) of the embeddings of some rows, float64 (I, 50)."""
        keys, about = self._metadata(items, where, kind)
        return self.embedder.cosines(keys, kind, about)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Integer vectors over their norms, float64 (I, 50); the zero vector stays."""
    wide = vectors.astype(np.float64)
    return wide / np.sqrt(np.maximum((wide * wide).sum(axis=1), 1.0))[:, None]
