"""Whether the shipped sample is a part of a log: what was fitted to the log then holds for worlds on the sample."""

import numpy as np

from feedtwin.datasets.constants import sample_path
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.kuairand import KuaiRand


def sample_hash_in(log: EncounterLog) -> str | None:
    """Hash of the shipped sample's files, where every impression of it is in a log that holds more; else None.

    Ids alone prove nothing, as those of another log may be the same numbers: person, video, author and second have to agree.
    """
    sample = KuaiRand().read_encounters(sample_path())
    if sample.provenance.source_hash == log.provenance.source_hash:
        return None
    if not np.isin(_rows(sample), _rows(log)).all():
        return None
    return sample.provenance.source_hash


def _rows(log: EncounterLog) -> np.ndarray:
    """Every impression as one opaque value, (n,)."""
    rows = log.rows
    columns = (
        log.users.key[rows.user], log.videos.key[rows.video], log.videos.author[rows.video],
        rows.time_s.astype(np.int64),
    )  # fmt: skip
    together = np.ascontiguousarray(np.stack([c.astype(np.int64) for c in columns], axis=1))
    return together.view([("", np.int64)] * len(columns)).reshape(-1)
