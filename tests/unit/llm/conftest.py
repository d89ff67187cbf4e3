import pytest

from feedtwin.testing.services import Records


@pytest.fixture
def records():
    """A journal in memory."""
    return Records()
