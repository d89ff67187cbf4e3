"""The categories of a world: a table, not a constant (decision 16).

In the synthetic world these are the paper's 12 archetypes; in a world built from a log they are the
log's own tags with fitted numbers. Shapes: K categories, D = 50.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.schema.traits import ENCOUNTER_TRAITS, neutral_traits

DIMENSIONS = 50
CATEGORY_DIMS = 20
"""Dimensions 0-19 hold the category; 10-19 are the paper's reserve (spec 1.10 #2)."""
KEYWORD_FIRST, KEYWORD_COUNT = 20, 20
NOISE_FIRST, NOISE_COUNT = 40, 10
UNIT = 127
"""The integer that stands for 1.0 in int8 vectors."""


@dataclass(frozen=True)
class Categories:
    """One row per category; float32 unless said otherwise, all (K,) but vectors and traits.

    Attributes:
        names: What the category is called.
        duration_mean_s: Mean duration.
        duration_sd_s: Spread of duration.
        virality: Mean viral potential, 0 to 1.
        hook_mean: Mean hook strength, 0 to 1.
        completion_prior: Expected completion once the hook held.
        upload_share: Share of uploads outside a creator's own field.
        vectors: int8 (K, D), 127 = 1.0; zero outside dimensions 0-19.
        traits: (K, traits) what the category does to an encounter (`schema.traits`).
        sound_sync: Hook and viral potential from the least to the most popular sound.
        text_weight: Relative weight of captions in a multimodal match.
        visual_weight: Relative weight of the picture in a multimodal match.
        production_cost: Hours of work per video (CON-5).
    """

    names: tuple[str, ...]
    duration_mean_s: np.ndarray
    duration_sd_s: np.ndarray
    virality: np.ndarray
    hook_mean: np.ndarray
    completion_prior: np.ndarray
    upload_share: np.ndarray
    vectors: np.ndarray
    traits: np.ndarray
    sound_sync: np.ndarray
    text_weight: np.ndarray
    visual_weight: np.ndarray
    production_cost: np.ndarray

    @property
    def count(self) -> int:
        """Number of categories."""
        return len(self.names)

    @property
    def inv_norm(self) -> np.ndarray:
        """1 / norm of each integer vector, (K,) float32."""
        return inverse_norm(self.vectors)


def signatures(section: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the signature columns of `parameters/archetypes.yaml` (CON-4, CON-5) for `Categories`."""
    names = ("sound_sync", "text_weight", "visual_weight", "production_cost")
    columns = {name: np.asarray(section[name], np.float32) for name in names}
    traits = [np.asarray(section[name], np.float32) for name in ENCOUNTER_TRAITS]
    return {**columns, "traits": np.stack(traits, axis=1)}


def neutral_signatures(count: int) -> dict[str, np.ndarray]:
    """Return signature columns that change nothing, for categories of which none is known."""
    one, zero = np.ones(count, np.float32), np.zeros(count, np.float32)
    return {
        "traits": neutral_traits(count), "sound_sync": zero, "text_weight": one,
        "visual_weight": one, "production_cost": one,
    }  # fmt: skip


def inverse_norm(vectors: np.ndarray) -> np.ndarray:
    """Return 1 / Euclidean norm of integer vectors, float32; the zero vector counts as norm 1."""
    wide = vectors.astype(np.int64)
    norm2 = np.maximum((wide * wide).sum(axis=-1), 1).astype(np.float32)
    return np.float32(1.0) / np.sqrt(norm2)


def one_hot_vectors(count: int, *, fold: bool) -> np.ndarray:
    """One-hot codes of the archetypes.

    Args:
        count: Number of archetypes, at most 20.
        fold: True keeps to dimensions 0-9 as printed, so that archetypes 10 and 11 collide with 0 and 1.

    Source: CON-7 and spec 1.10 #2.
    """
    vectors = np.zeros((count, DIMENSIONS), np.int8)
    at = np.arange(count) % 10 if fold else np.arange(count)
    vectors[np.arange(count), at] = UNIT
    return vectors


def spread_vectors(count: int) -> np.ndarray:
    """Distinct codes of three dimensions each for more categories than dimensions.

    Any two categories share at most two of their three dimensions while count <= 1,140; the order walks
    combinations by a stride that keeps neighbours far apart. Source: our choice.
    """
    dims = CATEGORY_DIMS
    combos = [
        (i, j, k) for i in range(dims) for j in range(i + 1, dims) for k in range(j + 1, dims)
    ]
    vectors = np.zeros((count, DIMENSIONS), np.int8)
    stride = 457  # coprime to the 1,140 combinations
    level = round(UNIT / np.sqrt(3.0))
    for index in range(count):
        vectors[index, list(combos[index * stride % len(combos)])] = level
    return vectors
