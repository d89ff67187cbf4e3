"""Rules for every test: no network, and generated inputs that are the same on every run."""

import socket

import pytest
from hypothesis import settings

settings.register_profile("feedtwin", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("feedtwin")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(self, address):
        raise AssertionError(f"a test tried to reach {address!r}; tests use no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
