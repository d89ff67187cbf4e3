"""What a user puts before their followers, rule by rule; and whose share led to a share."""

from types import SimpleNamespace

import numpy as np

from feedtwin.columns import Columns
from feedtwin.schema.ids import ring_position
from feedtwin.testing.dice import Dice
from feedtwin.twins.platform.retrieval import NO_ITEM
from feedtwin.twins.platform.sharing import Sharing
from feedtwin.twins.platform.table import ACCOUNTS
from feedtwin.twins.platform.wall import wall


class Table(SimpleNamespace):
    """Columns, as long as their first."""

    def __len__(self):
        return len(next(iter(vars(self).values())))


def _items(**changes):
    columns = {
        "created_step": np.array([0, 10, 20, 30], np.int32),
        "is_public": np.ones(4, np.uint8),
        "kind": np.zeros(4, np.uint8),
        "slowed": np.zeros(4, np.uint8),
    }
    for name, (row, value) in changes.items():
        columns[name][row] = value
    return Table(**columns)


def _accounts(latest, share, since):
    return Table(
        latest_row=np.array([latest], np.uint32),
        share_row=np.array([share], np.uint32),
        share_step=np.array([since], np.int32),
    )


def _shown(latest, share, since, step=40, window=24, **changes):
    return int(wall(_accounts(latest, share, since), _items(**changes), step, window)[0])


NONE = int(NO_ITEM)


def test_the_latest_upload_stands_where_nothing_was_shared():
    assert _shown(1, NONE, 0) == 1
    assert _shown(NONE, NONE, 0) == NONE


def test_a_newer_share_takes_its_place_and_an_older_one_does_not():
    assert _shown(1, 0, 39) == 0
    assert _shown(2, 0, 20) == 0  # shared in the hour of the upload: uploads come first in a step
    assert _shown(2, 0, 19) == 2
    assert _shown(NONE, 0, 39) == 0


def test_a_share_stands_for_the_window_and_not_longer():
    assert _shown(1, 3, 16) == 3
    assert _shown(1, 3, 15) == 1
    assert _shown(1, 3, 39, window=0) == 1


def test_what_is_removed_slowed_down_or_an_ad_does_not_travel():
    for name in ("slowed", "kind"):
        assert _shown(1, 3, 39, **{name: (3, 1)}) == 1
    assert _shown(1, 3, 39, is_public=(3, 0)) == 1
    assert _shown(1, NONE, 0, is_public=(1, 0)) == NONE


def test_a_share_was_led_to_by_the_most_recent_followee_ties_to_the_lower_id():
    """Against a loop over all followees, on random ties and shares."""
    dice, users, rows, step, window = Dice(5), 60, 6, 100, 24
    accounts = Columns(ACCOUNTS, users)
    with accounts.writing():
        accounts.share_row[:] = dice.integers(0, rows, users)
        accounts.share_step[:] = step - dice.integers(0, 40, users) // 4
    degree = dice.integers(0, 12, users)
    followee = dice.integers(0, users, int(degree.sum()), np.uint32)
    offset = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
    part = Sharing(accounts, window)
    part.sight = SimpleNamespace(ties=SimpleNamespace(offset=offset, hash=ring_position(followee)))
    user, row = dice.integers(0, users, 300, np.uint32), dice.integers(0, rows, 300)
    found = part.led_by(user, row, step)
    for u, r, parent in zip(user.tolist(), row.tolist(), found.tolist(), strict=True):
        led = [
            (-int(accounts.share_step[f]), f)
            for f in followee[offset[u] : offset[u + 1]].tolist()
            if accounts.share_row[f] == r and accounts.share_step[f] >= step - window
        ]
        assert parent == ((min(led)[1] << 32 | 1) if led else 0)
    assert 50 < np.count_nonzero(found) < 300
