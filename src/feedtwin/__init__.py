"""feedtwin: a digital twin of a short-video platform that runs, replays, forks and can be trusted.

Importing this package imports nothing heavy; each public name loads what it needs when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "FeedtwinError": "feedtwin.errors",
    "Run": "feedtwin.record.reader",
    "RunOptions": "feedtwin.world.running",
    "compare": "feedtwin.lab.study.comparing",
    "divergence": "feedtwin.world.comparing:compare",
    "fork": "feedtwin.world.forking",
    "interview": "feedtwin.world.interviewing",
    "load_kernels": "feedtwin.kernels.binding:load",
    "measure": "feedtwin.lab.metrics",
    "prepare": "feedtwin.lab.launch",
    "read_run": "feedtwin.lab.run_data",
    "read_study": "feedtwin.lab.study.tables:read_result",
    "read_trace": "feedtwin.datasets.oasis",
    "replay": "feedtwin.world.replay",
    "resolve": "feedtwin.schema.settings",
    "resume": "feedtwin.world.running",
    "run": "feedtwin.lab.launch",
    "study": "feedtwin.lab.study.comparing",
    "worlds": "feedtwin.schema.settings",
}

if TYPE_CHECKING:
    from feedtwin.datasets.oasis import read_trace
    from feedtwin.errors import FeedtwinError
    from feedtwin.kernels.binding import load as load_kernels
    from feedtwin.lab.launch import prepare, run
    from feedtwin.lab.metrics import measure
    from feedtwin.lab.run_data import read_run
    from feedtwin.lab.study.comparing import compare, study
    from feedtwin.lab.study.tables import read_result as read_study
    from feedtwin.record.reader import Run
    from feedtwin.schema.settings import resolve, worlds
    from feedtwin.world.comparing import compare as divergence
    from feedtwin.world.forking import fork
    from feedtwin.world.interviewing import interview
    from feedtwin.world.replay import replay
    from feedtwin.world.running import RunOptions, resume

__all__ = [
    "FeedtwinError",
    "Run",
    "RunOptions",
    "__version__",
    "compare",
    "divergence",
    "fork",
    "interview",
    "load_kernels",
    "measure",
    "prepare",
    "read_run",
    "read_study",
    "read_trace",
    "replay",
    "resolve",
    "resume",
    "run",
    "study",
    "worlds",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'feedtwin' has no attribute {name!r}")
    home, _, attribute = _HOMES[name].partition(":")
    value = getattr(import_module(home), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted(__all__)
