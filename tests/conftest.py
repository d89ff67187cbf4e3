"""Rules for every test: no network, and generated inputs that are the same on every run."""

import socket

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("feedtwin", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("feedtwin")


_CONNECT, _CONNECT_EX = socket.socket.connect, socket.socket.connect_ex


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(self, address):
        raise AssertionError(f"a test tried to reach {address!r}; tests use no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture
def loopback(monkeypatch, _no_network):
    """Let a test reach servers that it started itself; everything else stays out of reach."""

    def own(function):
        def connect(self, address):
            assert address[0] in ("127.0.0.1", "::1"), f"a test tried to reach {address!r}"
            return function(self, address)

        return connect

    monkeypatch.setattr(socket.socket, "connect", own(_CONNECT))
    monkeypatch.setattr(socket.socket, "connect_ex", own(_CONNECT_EX))


@pytest.fixture
def chance():
    """Keyed draws for tests: `chance(seed)(law, *shape)` draws from a law of scipy.stats by its quantiles."""
    from feedtwin.datasets.hashing import uniforms

    def of(seed):
        drawn = 0

        def draw(law, *shape):
            nonlocal drawn
            count = int(np.prod(shape))
            ids = np.arange(drawn, drawn + count)
            drawn += count
            return law.ppf(uniforms(ids, "test", seed)).reshape(shape)

        return draw

    return of
