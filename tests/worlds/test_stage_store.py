"""The registry keeps every video's stages from its upload on, and they are those of the world."""

import numpy as np

from feedtwin.record.reader import Run
from feedtwin.record.registry import Registry, to_unsigned
from feedtwin.world.build import build


def test_the_stage_store_holds_uploads_from_their_test_audience_on(straight, lab, kernels):
    registry = Registry.open(straight.path / "registry.sqlite")
    rows = registry.query("SELECT item, since_step, stage FROM exposure_stages ORDER BY since_step")
    registry.close()
    stages = {}
    item = to_unsigned(np.array([row[0] for row in rows], np.int64)).tolist()
    for one, (_, since, stage) in zip(item, rows, strict=True):
        stages.setdefault(one, []).append((since, stage))
    run = Run.open(straight.path)
    created = run.events("VIDEO_CREATED")
    uploads = dict(zip(created["item"].to_pylist(), created["step"].to_pylist(), strict=True))
    assert len(uploads) > 5
    for one, step in uploads.items():
        assert stages[one][0] == (step, 0)
    moved = run.events("EXPOSURE_STAGE_CHANGED")
    assert len(moved) > 20
    assert len(rows) == len(uploads) + len(moved)
    world = build(lab.tiny(), kernels)
    for _ in range(lab.steps):
        world.step()
    now = dict(
        zip(world.content.table.item.tolist(), world.platform.catalogue.stage.tolist(), strict=True)
    )
    for one, history in stages.items():
        assert history[-1][1] == now[one]
        assert [since for since, _ in history] == sorted({since for since, _ in history})
