from pathlib import Path

import pytest

from feedtwin.calibration.calibrating import Source, calibrate
from feedtwin.calibration.preset import Preset, read_preset
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.kuairand import KuaiRand

SMALL = {
    "calibration.boosting.trees_max": 8,
    "calibration.judge.trees": 8,
    "calibration.judge.resamples": 50,
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return KuaiRand().write_tiny(tmp_path_factory.mktemp("data"), 0, 300, 100)


@pytest.fixture(scope="session")
def log(folder: Path) -> EncounterLog:
    return KuaiRand().read_encounters(folder)


@pytest.fixture(scope="session")
def preset(log: EncounterLog, tmp_path_factory) -> Preset:
    path = tmp_path_factory.mktemp("preset") / "tiny.yaml"
    calibrate(log, Source("kuairand"), path, SMALL)
    return read_preset(path)
