"""A small closed run with its full log, made once per module."""

import pytest

import feedtwin


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("lab") / "run"
    feedtwin.run("synthetic", users=150, steps=26, seed=11, out=path, threads=1)
    return path
