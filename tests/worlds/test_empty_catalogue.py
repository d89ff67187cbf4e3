"""A world in which nobody ever made a video: everybody comes, is shown nothing, and leaves."""

import pytest

from feedtwin.kernels.binding import load
from feedtwin.testing.books import Auditor
from feedtwin.world.build import build

EMPTY = ("population.videos_per_user=0", "user.uploads_per_day=[0,0,0,0]")


@pytest.mark.parametrize("world", ["synthetic", "everything"])
def test_without_videos_people_come_and_give_up_on_every_path(lab, world):
    links = set()
    for path in ("auto", "numpy"):
        made = build(lab.tiny(world, 40, sets=EMPTY), load(path))
        auditor = Auditor(made)
        for _ in range(8):
            made.step()
            assert auditor.problems() == []
        totals = made.platform.telemetry.as_dict()
        assert totals["impressions"] == 0 < totals["exits_feed_exhausted"] == totals["sessions"]
        links.add(made.digest)
    assert len(links) == 1
