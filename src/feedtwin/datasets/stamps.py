"""Time stamps of data files: dates in, seconds since 1970 out, and a year that no platform has is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feedtwin.datasets.adaptor import F8
from feedtwin.datasets.encounters import as_floats
from feedtwin.datasets.parquet import Source

_YEAR_S = 365.2425 * 86_400
_YEARS = (2005, 2100)
"""Years in which platforms like these exist: a stamp in the wrong unit falls outside."""


def seconds(source: Source, name: str) -> F8:
    """A column of dates or time stamps as seconds since 1970, (n,).

    Raises:
        DataError: It holds neither, or a year that cannot be.
    """
    column = source.table[name]
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise source.fail(0, name, column[0].as_py(), "a date or time stamp is expected")
    found = as_floats(pc.cast(pc.cast(column, pa.timestamp("ms")), pa.int64())) / 1000.0
    year = 1970 + np.floor(found / _YEAR_S)
    wrong = (year < _YEARS[0]) | (year > _YEARS[1])
    if wrong.any():
        row = int(np.argmax(wrong))
        raise source.fail(
            row,
            name,
            str(column[row].as_py()),
            f"a day from {_YEARS[0]} to {_YEARS[1]} is expected (seconds read as milliseconds, or the reverse, give such a year)",
        )
    return found
