"""Embeddings: equal metadata give equal vectors everywhere, and they say what the metadata say."""

import os
import subprocess
import sys

import numpy as np
import pytest

from feedtwin.kernels.binding import load
from feedtwin.randomness import Draws
from feedtwin.twins.content.embeddings import (
    AUDIO,
    CAPTION,
    LENGTHS,
    P_UNIT,
    VISUAL,
    Embedder,
    metadata_key,
    metadata_keys,
    said_by,
)

CHILD = """
import numpy as np
from feedtwin.kernels.binding import load
from feedtwin.randomness import Draws
from feedtwin.twins.content.embeddings import VISUAL, Embedder, metadata_key
keys = np.array([metadata_key(VISUAL, 7, 3, 80, 91, 0)], np.uint64)
about = np.zeros((1, 50), np.int8)
about[0, 3] = 127
print(keys[0], Embedder(0.8, Draws(11, 5), load("numpy")).embeddings(keys, VISUAL, about).tobytes().hex()[:4096])
"""


def _about(count, seed=0):
    """Categories in turn, two keywords each."""
    about = np.zeros((count, 50), np.int8)
    rows = np.arange(count)
    about[rows, rows % 12] = 127
    about[rows, 20 + (rows * 7 + seed) % 20] = 64
    about[rows, 20 + (rows * 3 + seed) % 20] = 64
    return about


@pytest.mark.parametrize("salt", ["0", "random"])
def test_embeddings_are_equal_in_every_process_replicate_and_under_every_hash_salt(draws, salt):
    found = subprocess.run(
        [sys.executable, "-c", CHILD], check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONHASHSEED": salt},
    ).stdout.split()  # fmt: skip
    keys = np.array([metadata_key(VISUAL, 7, 3, 80, 91, 0)], np.uint64)
    about = np.zeros((1, 50), np.int8)
    about[0, 3] = 127
    here = (
        Embedder(0.8, draws, load("numpy")).embeddings(keys, VISUAL, about).tobytes().hex()[:4096]
    )
    assert found == [str(keys[0]), here]


def test_another_seed_makes_other_embeddings(draws):
    keys = np.array([metadata_key(VISUAL, 7)], np.uint64)
    one, two = (
        Embedder(0.8, d, load("numpy")).embeddings(keys, VISUAL, _about(1))
        for d in (draws, Draws(12, 0))
    )
    assert abs(np.corrcoef(one[0], two[0])[0, 1]) < 0.3


@pytest.mark.parametrize("signal", [0.0, 0.8])
@pytest.mark.parametrize("kind", [VISUAL, AUDIO, CAPTION])
def test_entries_have_mean_0_and_variance_1_with_and_without_a_signal(draws, kind, signal):
    """480 vectors over 12 archetypes; entries share signals, hence the wider bounds with one."""
    keys = np.array([metadata_key(kind, k) for k in range(480)], np.uint64)
    found = Embedder(signal, draws, load("numpy")).embeddings(keys, kind, _about(480))
    assert found.shape == (480, LENGTHS[kind]) and found.dtype == np.float32
    wider = 8 if signal else 1
    assert found.mean() == pytest.approx(0, abs=5 * wider / found.size**0.5)
    assert found.var() == pytest.approx(1, abs=5 * wider * (2 / found.size) ** 0.5)


def test_the_noise_of_different_metadata_is_unrelated(draws):
    keys = np.array([metadata_key(VISUAL, k) for k in range(20)], np.uint64)
    found = Embedder(0.0, draws, load("numpy")).embeddings(keys, VISUAL, _about(20))
    assert np.abs(np.corrcoef(found)[~np.eye(20, dtype=bool)]).max() < 6 / 512**0.5


def test_the_correlation_with_what_the_metadata_say_is_the_signal(draws):
    keys = np.array([metadata_key(VISUAL, k) for k in range(400)], np.uint64)
    about = _about(400).astype(float)
    said = about @ (Embedder(0.8, draws, load("numpy")).projections[VISUAL].T / P_UNIT)
    said /= np.linalg.norm(about, axis=1)[:, None]
    for signal in (0.0, 0.5, 0.8):
        found = Embedder(signal, draws, load("numpy")).embeddings(keys, VISUAL, _about(400))
        assert np.corrcoef(found.ravel(), said.ravel())[0, 1] == pytest.approx(signal, abs=0.02)


def test_videos_of_one_archetype_look_alike_and_of_two_do_not(draws):
    about = np.zeros((40, 50), np.int8)
    about[np.arange(40), np.arange(40) % 2] = 127
    keys = np.array([metadata_key(VISUAL, k) for k in range(40)], np.uint64)
    alike = np.corrcoef(Embedder(0.8, draws, load("numpy")).embeddings(keys, VISUAL, about))
    same = (np.arange(40)[:, None] - np.arange(40)) % 2 == 0
    off = ~np.eye(40, dtype=bool)
    assert alike[same & off].mean() == pytest.approx(0.64, abs=0.06)
    assert alike[~same].mean() == pytest.approx(0.0, abs=0.12)


def test_metadata_that_say_nothing_leave_noise(draws):
    keys = np.array([metadata_key(CAPTION, 1)], np.uint64)
    embedder = Embedder(0.8, draws, load("numpy"))
    nothing = np.zeros((1, 50), np.int8)
    np.testing.assert_array_equal(
        embedder.embeddings(keys, CAPTION, nothing), embedder.noise(keys, CAPTION)
    )


@pytest.mark.parametrize("kind", [VISUAL, AUDIO, CAPTION])
def test_projections_have_orthogonal_columns_of_norm_root_length(draws, kind):
    matrix = Embedder(0.8, draws, load("numpy")).projections[kind] / P_UNIT
    gram = matrix.T @ matrix / LENGTHS[kind]
    np.testing.assert_allclose(gram, np.eye(50), atol=1e-3)


def test_every_part_of_the_metadata_and_the_kind_count():
    parts = [(0, 1, 2), (1, 1, 2), (0, 2, 1), (0, 12), (0, 1, 2, 0)]
    assert len({metadata_key(*part) for part in parts}) == 5
    rows = metadata_keys(VISUAL, np.array([7, 8]), np.array([[1, 2], [3, 4]]))
    assert rows.tolist() == [metadata_key(VISUAL, 7, 1, 2), metadata_key(VISUAL, 8, 3, 4)]


def test_the_idiosyncratic_dimensions_are_not_said(draws):
    vectors = np.full((1, 50), 9, np.int8)
    assert said_by(vectors)[0].tolist() == [9] * 40 + [0] * 10
    assert vectors[0, 49] == 9
