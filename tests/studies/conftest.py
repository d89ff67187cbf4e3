"""Tiny studies: worlds of some sixty people and some hours, enough for every path of a study."""

import pytest

from feedtwin.kernels.binding import load
from feedtwin.lab.study import run_study
from feedtwin.lab.study.executors import InProcess
from feedtwin.lab.study.reading import parse_study
from feedtwin.schema.yaml_reader import read_document


@pytest.fixture(scope="session")
def study_of():
    """A study from the text of a file."""

    def of(text, **options):
        return parse_study(read_document(text, "small.yaml"), "small", **options)

    return of


@pytest.fixture(scope="session")
def ran(study_of):
    """Run a study from text, in this process."""

    def of(text, folder, **options):
        return run_study(study_of(text, **options), folder, executor=InProcess())

    return of


@pytest.fixture(scope="module")
def small(request, ran, tmp_path_factory):
    """The module's own SMALL study, run once."""
    return ran(request.module.SMALL, tmp_path_factory.mktemp("studies") / "small")


@pytest.fixture(scope="session")
def kernels():
    return load("auto", 1)
