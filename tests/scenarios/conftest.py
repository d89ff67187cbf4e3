"""Small worlds in which nobody does anything rare by themselves, and what scripts make happen in them."""

from collections import defaultdict
from types import SimpleNamespace

import pytest

from feedtwin.kernels.binding import load
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build

USERS = 40


class Told:
    """A world that was told what to do, and the rows it published, by event."""

    def __init__(self, entries, steps=None, sets=(), users=USERS, world="synthetic", seed=7):
        sets = ["platform.share_window_steps=0", *sets]  # by themselves people would share
        sets = {text.partition("=")[0]: text for text in sets}.values()  # the last of a path holds
        last = max((entry["step"] for entry in entries), default=0)
        self.settings = resolve(world, users=users, seed=seed, sets=sets, script=entries)
        self.world = build(self.settings, load("auto"))
        self.rows = defaultdict(list)
        self.world.recorder = self._keep
        for _ in range(last + 1 if steps is None else steps):
            self.world.step()

    def _keep(self, published):
        for flat in published.batch.logged():
            names = flat.columns
            for values in zip(*(column.tolist() for column in names.values()), strict=True):
                row = dict(zip(names, values, strict=True))
                self.rows[flat.event].append(SimpleNamespace(step=flat.step, **row))

    def activities(self, kind=None):
        """SOCIAL_ACTIVITY rows, of one kind or of all."""
        return [row for row in self.rows["SOCIAL_ACTIVITY"] if kind in (None, row.kind)]

    def shared(self, name):
        """A table, keeper or look-up that parts offer, by name."""
        return self.world.sight.shared[name]

    def table(self, name):
        """The columns of a table as lists."""
        table = self.shared(name)
        return SimpleNamespace(**{c: getattr(table, c).tolist() for c in table.spec.by_name})


@pytest.fixture(scope="session")
def told():
    return Told


@pytest.fixture(scope="session")
def entry():
    """Write an entry of a script in one line: entry(3, "FOLLOW", 5, target=9)."""

    def write(step, action, user, **payload):
        return {"step": step, "action": action, "user": user, **payload}

    return write


@pytest.fixture(scope="session")
def post_id():
    return lambda author, nth=0: author << 32 | 1 << 30 | nth


@pytest.fixture(scope="session")
def live_id():
    return lambda host, nth=0: host << 32 | 1 << 31 | nth


@pytest.fixture(scope="session")
def group_id():
    return lambda owner, nth=0: (owner << 4) + nth + 1


@pytest.fixture(scope="session")
def pairs():
    """The pairs of a set of edges."""
    return lambda edges: list(zip(edges.left.tolist(), edges.right.tolist(), strict=True))
