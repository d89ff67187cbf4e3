"""Predictions of a fitted encounter for every impression of a log, in its order, as a table that anybody can score."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from feedtwin.calibration.model import LONG_S, SIGNALS, EncounterModel, draw, occurrence_keys
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.parquet import CSV_SUFFIXES
from feedtwin.errors import DataError

COLUMNS = (
    "watch_s_mean", "watch_s_median", "skip_p", "long_view_p", "finish_p",
    *(f"{name}_p" for name in SIGNALS),
)  # fmt: skip
"""Columns of a prediction, after user_id and video_id."""


def predict(
    model: EncounterModel, log: EncounterLog, samples: int = 0, seed: int = 0
) -> dict[str, np.ndarray]:
    """Predicts every impression.

    Args:
        model: the fitted encounter.
        log: the impressions; their outcomes are not looked at.
        samples: outcomes to draw per impression.
        seed: root seed of the draws.

    Returns:
        (n,) arrays by name: `COLUMNS`, NaN for signals that the fit's log did not record; then for each sample k from 1
        `sample_k_watch_s` and `sample_k_SIGNAL` (0 or 1).
    """
    rows = len(log.rows)
    found: dict[str, np.ndarray] = {name: np.full(rows, np.nan) for name in COLUMNS}
    for k in range(1, samples + 1):
        found[f"sample_{k}_watch_s"] = np.full(rows, np.nan)
        found |= {f"sample_{k}_{name}": np.zeros(rows, np.uint8) for name in model.fate}
    keys = occurrence_keys(log)
    for at, one in model.prospects(log):
        fates = one.fates()
        found["watch_s_mean"][at] = one.mean()
        found["watch_s_median"][at] = one.quantile(np.full(len(one.skip), 0.5))
        found["skip_p"][at] = one.skip
        found["long_view_p"][at] = one.watched_at_least(np.minimum(one.duration_s, LONG_S))
        found["finish_p"][at] = fates[:, 3]
        for name in model.fate:
            found[f"{name}_p"][at] = (fates * one.signal[name]).sum(axis=1)
        for k in range(1, samples + 1):
            drawn = draw(one, keys[at], seed, k)
            found[f"sample_{k}_watch_s"][at] = drawn.watch_s
            for name, happened in drawn.signal.items():
                found[f"sample_{k}_{name}"][at] = happened
    return found


def write_predictions(path: Path, log: EncounterLog, found: dict[str, np.ndarray]) -> None:
    """Writes predictions as Parquet, or as CSV where the name says so, with people and videos as the log names them.

    Raises:
        DataError: The file cannot be written.
    """
    people, videos = log.ids or (log.users.key[log.rows.user], log.videos.key[log.rows.video])
    columns: dict[str, Any] = {"user_id": people, "video_id": videos}
    for name, values in found.items():
        missing = np.isnan(values) if values.dtype.kind == "f" else None
        columns[name] = pa.array(values, mask=missing)
    table = pa.table(columns)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name.lower().endswith(CSV_SUFFIXES):
            pacsv.write_csv(table, path)
        else:
            pq.write_table(table, path, compression="zstd")
    except OSError as problem:
        raise DataError(f"{path}: cannot be written ({problem}).") from None
