from collections.abc import Iterator
from pathlib import Path

import pytest

from feedtwin.kernels.binding import Kernels, load, supported_builds
from feedtwin.kernels.build import build, find_compiler


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every build of the present sources."""
    if find_compiler() is None:
        pytest.skip("no C compiler here: only the NumPy path can run")
    folder = tmp_path_factory.mktemp("kernels")
    assert len(build(folder, quiet=True)) >= 1
    return folder


@pytest.fixture(params=supported_builds(), scope="session")
def kernels(request: pytest.FixtureRequest, libraries: Path) -> Iterator[Kernels]:
    """Each build that this CPU can run, on two threads."""
    loaded = load(request.param, threads=2, directory=libraries)
    yield loaded
    loaded.close()
