from pathlib import Path

import pytest

from feedtwin.datasets import RealWorld, WatchLog, sample_path
from feedtwin.datasets.kuairand import KuaiRand


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return KuaiRand().write_tiny(tmp_path / "tiny")


@pytest.fixture(scope="session")
def sample_log() -> WatchLog:
    return KuaiRand().read_log(sample_path())


@pytest.fixture(scope="session")
def sample() -> RealWorld:
    return KuaiRand().read(sample_path())
