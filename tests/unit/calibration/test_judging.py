"""What a fit is held to: every part once, and no score that a trivial prediction wins."""

from dataclasses import replace

import numpy as np
import pytest

from feedtwin.calibration.judging import judge
from feedtwin.calibration.preset import SPLIT, Preset
from feedtwin.calibration.split import split_log
from feedtwin.datasets.encounters import EncounterLog

pytest.importorskip("sklearn", reason="fits need the extra `calibration`")


def judged(preset: Preset, log: EncounterLog) -> dict:
    constants = preset.about["constants"]
    return judge(preset.models[SPLIT], log, split_log(log, constants), constants)


def test_smape_counts_on_the_feed_alone_and_one_surface_counts_once(
    preset: Preset, log: EncounterLog
) -> None:
    found = judged(preset, log)
    rows = {(one["where"], one["outcome"], one["score"]) for one in found["scores"]}
    places = {where for where, *_ in rows}
    parts = ("later days", "other people")
    assert places == {f"{part}, {place}" for part in parts for place in ("all", "feed")}
    outside = {row for row in rows if row[1:] == ("like", "log_loss")}
    outside |= {(f"{part}, all", "watch", "smape") for part in parts}
    assert {one["of"] for one in found["verdicts"][:2]} == {len(rows) - len(outside)}

    still = replace(log.rows, surface=np.ones_like(log.rows.surface))
    alone = judged(preset, replace(log, rows=still))
    assert {one["where"] for one in alone["scores"]} == {f"{part}, feed" for part in parts}
    assert {one["of"] for one in alone["verdicts"][:2]} == {len(alone["scores"]) - len(parts)}
