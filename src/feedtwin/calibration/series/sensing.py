"""What the platform's own trend tracker would have known of real series, day by day: nothing of a later day.

The tracker of the twin is driven with the views of each day in place of the engagements of each hour: *one step is one day*,
since the files have no hours. Its parameters are the defaults and count steps. The other hashtags of the platform are one key more,
whose views are constant and so large that what one hashtag does moves nobody's share.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from feedtwin.calibration.series.windows import Stretch
from feedtwin.columns import Columns
from feedtwin.errors import DataError
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import TrendKind
from feedtwin.schema.events import EVENTS
from feedtwin.schema.parameters import load_defaults, section_model
from feedtwin.twins.platform.governance.config import TrendsConfig
from feedtwin.twins.platform.governance.table import BUCKETS, TRENDS
from feedtwin.twins.platform.governance.trends import TrendTracker
from feedtwin.twins.platform.telemetry import Telemetry

UNIT_VIEWS: Final = 100
"""Views that the tracker counts as one event: the grain of counts below a million."""
ACTIVE_USERS: Final = 1000
"""Active users that the tracker is told of: its gate of 10 events an hour per 1,000 is then 10 units, or 1,000 views a day."""
REST_UNITS: Final = 400_000_000
"""Units per day of everything else on the platform: 4e10 views, fifty times the busiest hashtag-day of the shared series."""
REST_KEY: Final = 0xFFFFFFFF
_KEPT: Final = tuple(column.name for column in TRENDS.columns if column.name not in ("kind", "key"))
_AGES: Final = ("peak_step", "since_step", "first_step")


@dataclass(frozen=True)
class Sensed:
    """Columns of the tracker at the end of each day of each stretch.

    Attributes:
        columns: by column of the table `trends`, (days, stretches + 1, ...); the last row is everything else.
        stretches: what was sensed, in order.
    """

    columns: dict[str, npt.NDArray[Any]]
    stretches: list[Stretch]

    def table(self, rows: npt.NDArray[np.int64], day: int) -> Columns:
        """The tracker's table at the end of a day.

        Args:
            rows: (m,) stretches that hold the day, each once.
            day: counted like the stretches' first days; steps are these days.

        Returns:
            m + 1 rows; keys are the rows of the stretches, and `REST_KEY` for everything else.
        """
        start = np.array([self.stretches[row].first_day for row in rows], np.int64)
        age, every = day - start, np.append(rows, len(self.stretches))
        at = np.append(age, age.max(initial=0))
        begun = np.append(start, day - at[-1])
        found = Columns(TRENDS, len(every))
        with found.writing():
            found.kind[:] = TrendKind.HASHTAG
            found.key[:] = np.append(rows, REST_KEY)
            for name in _KEPT:
                values = self.columns[name][at, every]
                if name in _AGES:
                    values = values + begun
                if values.shape[1:] == (BUCKETS,):  # the ring turns with the step
                    turn = (np.arange(BUCKETS) - begun[:, None]) % BUCKETS
                    values = np.take_along_axis(values, turn, axis=1)
                getattr(found, name)[:] = values
        return found


def trend_defaults() -> TrendsConfig:
    """The tracker's settings as the package ships them."""
    return section_model(TrendsConfig, load_defaults().section("trends"))


def sense(stretches: list[Stretch]) -> Sensed:
    """Drives a tracker with all stretches at once, each from its own first day.

    Raises:
        DataError: A day has more views than the tracker can count.
    """
    count, days = len(stretches), max(len(one.views) for one in stretches)
    units = np.zeros((days, count + 1), np.int64)
    for row, one in enumerate(stretches):
        units[: len(one.views), row] = np.floor(one.views / UNIT_VIEWS)
    if units.max(initial=0) > REST_UNITS:
        raise DataError(
            f"a hashtag has {units.max() * UNIT_VIEWS:,} views in a day; at most {REST_UNITS * UNIT_VIEWS:,} are expected, more than "
            "any platform shows. Check that the counts are views."
        )
    units[:, -1] = REST_UNITS
    tracker = TrendTracker(trend_defaults(), 1, active=True)
    sight: Any = SimpleNamespace(active_users=lambda step: ACTIVE_USERS, telemetry=Telemetry())
    tracker.bind(sight)
    start = Columns(TRENDS, count + 1)
    with start.writing():
        start.kind[:] = TrendKind.HASHTAG
        start.key[:] = np.append(np.arange(count), REST_KEY)
    with tracker.writing():
        tracker.load_state({f"{TRENDS.name}.{name}": one for name, one in start.state().items()})
    kept: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _KEPT}
    for day in range(days):
        with tracker.writing():
            tracker.table.engaged[:, day % BUCKETS] = units[day]
            tracker.on_content_state_updated(_hour_is_over(day + 1))
        changes = tracker.due(day + 1)
        with tracker.writing():
            for change in changes:
                tracker.on_trend_state_changed(cast(EventBatch, change))
        for name in _KEPT:
            kept[name].append(getattr(tracker.table, name).copy())
    return Sensed({name: np.stack(values) for name, values in kept.items()}, stretches)


def _hour_is_over(step: int) -> EventBatch:
    fields = EVENTS["CONTENT_STATE_UPDATED"].fields[1:]
    return EventBatch(
        "CONTENT_STATE_UPDATED",
        step,
        {one.name: np.zeros(0, one.numpy_dtype) for one in fields},
    )
