"""What the platform believes a user likes, learned from behaviour alone. NumPy reference.

The estimate is a running, signed average of what the user did: liking or finishing a video pulls it
toward that video's offset from the catalogue's mean vector, skipping pushes it the other way. It never
sees the user's taste, the hook or the quality (decision 10). The same pass files every reached
impression in the user's seen-store. `ft_estimate` in `kernels/cpu.c` equals it bit for bit.

Shapes: R requests, S slots, D = 50, U users, H history slots.
"""

from types import SimpleNamespace

import numpy as np

from feedtwin.session import LIKE, SKIP

ESTIMATE_LIMIT = 32767


def estimate_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Fold the reached slots of requests lo..hi into `estimate` int16 (U, D) and the seen-store."""
    user = a.user[lo:hi]
    estimate = a.estimate[user].astype(np.int32)
    history = a.seen_row.shape[1]
    count = a.seen_count[user].astype(np.int64)
    for slot in range(a.flags.shape[1]):
        active = slot < a.reached_count[lo:hi]
        row = np.where(active, a.row[lo:hi, slot], 0)
        signal = _signal(a, a.flags[lo:hi, slot], a.completion[lo:hi, slot])
        moved = moved_estimate(estimate, a.vectors[row], a.mean_vector, signal, a.estimate_rate)
        estimate = np.where(active[:, None], moved, estimate)
        a.seen_row[user[active], count[active] % history] = row[active]
        count = count + active
    a.estimate[user] = estimate.astype(np.int16)
    a.seen_count[user] = count.astype(np.uint32)


def moved_estimate(
    estimate: np.ndarray,
    vector: np.ndarray,
    mean_vector: np.ndarray,
    signal: np.ndarray,
    rate: int,
) -> np.ndarray:
    """Return estimates int32 (N, D) after one piece of evidence each.

    Args:
        estimate: Before, int32 (N, D), 32512 = 1.0.
        vector: Item vectors, int8 (N, D).
        mean_vector: The catalogue's mean, int16 (D,).
        signal: Evidence of liking, int32 (N,), 256 = 1.0.
        rate: Weight of the evidence, 32768 = 1.0.
    """
    offset = (vector.astype(np.int32) << 8) - mean_vector.astype(np.int32)
    target = (signal[:, None] * offset) >> 8
    moved = estimate + (((target - estimate) * rate + 16384) >> 15)
    return np.clip(moved, -ESTIMATE_LIMIT, ESTIMATE_LIMIT)


def _signal(a: SimpleNamespace, flags: np.ndarray, completion: np.ndarray) -> np.ndarray:
    """Evidence of liking in 1/256: completion around its usual level, a bonus for a like."""
    capped = np.minimum(completion, np.float32(1.0))
    value = a.signal_completion * (capped - a.signal_centre)
    value = value + np.where((flags & LIKE) != 0, a.signal_like, np.float32(0.0))
    value = np.where((flags & SKIP) != 0, a.signal_skip, value)
    return (value * np.float32(256.0)).astype(np.int32)
