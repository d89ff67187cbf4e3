import os
from pathlib import Path

import numpy as np
import pytest

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.world import snapshot

ARRAYS = {
    kind: (np.arange(12) * 37).astype(kind).reshape(3, 4)
    for kind in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8", "?")
} | {
    "zero_rows": np.zeros((0, 3), np.uint64),
    "scalar": np.array(2**64 - 1, np.uint64),
    "sparse": np.zeros((4096, 64), np.uint32),
    "strided": np.arange(20, dtype=np.int16)[::2],
}
META = {"step": "24", "digest": "aa", "text": 'a "quoted" é', "sha256": "f" * 64}


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_arrays_and_texts_come_back_equal_and_writable(tmp_path: Path) -> None:
    path = tmp_path / "snapshots/24.safetensors"
    snapshot.save(path, ARRAYS, META)
    arrays, meta = snapshot.load(path)
    assert meta == META
    assert sorted(arrays) == sorted(ARRAYS)
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype, name
        assert arrays[name].shape == expected.shape, name
        assert np.array_equal(arrays[name], expected), name
        assert arrays[name].flags.writeable, name


def test_mostly_empty_arrays_are_stored_small(tmp_path: Path) -> None:
    snapshot.save(tmp_path / "1.safetensors", ARRAYS, META)
    assert (tmp_path / "1.safetensors").stat().st_size < 5_000 < ARRAYS["sparse"].nbytes


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    snapshot.save(tmp_path / "a", ARRAYS, META)
    snapshot.save(tmp_path / "b", dict(reversed(ARRAYS.items())), dict(reversed(META.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_flipped_byte_and_every_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "1.safetensors"
    snapshot.save(path, {"a": np.arange(5, dtype=np.uint64)}, {"step": "1"})
    data = path.read_bytes()
    for place in range(len(data)):
        for mask in (1, 0x80):
            path.write_bytes(data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :])
            with pytest.raises(IntegrityError, match=r"1\.safetensors"):
                snapshot.load(path)
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(IntegrityError, match=r"1\.safetensors"):
            snapshot.load(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(IntegrityError):
        snapshot.load(path)


def test_the_newest_sound_snapshot_is_found_and_damaged_ones_are_reported(tmp_path: Path) -> None:
    for step in (0, 9, 24, 100):
        snapshot.save(
            snapshot_path := tmp_path / f"{step}.safetensors", {"a": np.array([step])}, {}
        )
    snapshot_path.with_name("notes.safetensors").write_bytes(b"not a step")
    (tmp_path / ".48.safetensors.partial").write_bytes(b"cut short")
    found, damaged = snapshot.latest(tmp_path, 99)
    assert found is not None
    assert (found.step, found.arrays["a"].tolist(), damaged) == (24, [24], [])
    data = (tmp_path / "24.safetensors").read_bytes()
    (tmp_path / "24.safetensors").write_bytes(data[:-1] + b"\xff")
    found, damaged = snapshot.latest(tmp_path, 99)
    assert found is not None
    assert found.step == 9
    assert len(damaged) == 1
    assert "24.safetensors" in damaged[0]
    assert snapshot.latest(tmp_path, -1) == (None, [])
    assert snapshot.latest(tmp_path / "none", 5) == (None, [])


def test_pruning_keeps_the_first_and_the_newest(tmp_path: Path) -> None:
    for step in (0, 9, 24, 48, 100):
        snapshot.save(tmp_path / f"{step}.safetensors", {"a": np.array([step])}, {})
    snapshot.prune(tmp_path, keep=2)
    assert snapshot.steps(tmp_path) == [0, 48, 100]


def test_a_full_disk_leaves_the_older_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1.safetensors"
    snapshot.save(path, {"a": np.array([1])}, {})

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(RunFolderError, match="free some disk space"):
            snapshot.save(path, {"a": np.array([2])}, {})
    assert names(tmp_path) == ["1.safetensors"]
    assert snapshot.load(path)[0]["a"].tolist() == [1]


def test_a_missing_snapshot_is_a_run_folder_error(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot read"):
        snapshot.load(tmp_path / "1.safetensors")
