"""Importing feedtwin and asking for help load nothing heavy, in a process of their own."""

import subprocess
import sys

import pytest

import feedtwin
from feedtwin.cli import going
from feedtwin.lab import launch
from feedtwin.schema import settings
from feedtwin.world import running

HEAVY = "numpy pyarrow duckdb pydantic xxhash sqlite3 safetensors ruamel rich importlib.metadata".split()


def loaded_after(code):
    """Names of heavy modules that are loaded after `code`."""
    check = (
        f"{code}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    return done.stderr.split()


def test_importing_feedtwin_loads_nothing_heavy():
    assert loaded_after("import feedtwin; feedtwin.__version__; dir(feedtwin)") == []


def test_help_loads_nothing_heavy():
    code = (
        "from feedtwin.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
    )
    assert loaded_after(code) == []


LLM_PACKAGES = (
    "openai httpx2 aiolimiter xllamacpp gguf feedtwin.llm.clients feedtwin.llm.dispatch".split()
)


def test_a_world_without_language_models_loads_nothing_of_them():
    code = (
        "import sys, feedtwin\n"
        "feedtwin.prepare('synthetic', users=20, steps=1)\n"
        f"print(*[m for m in {LLM_PACKAGES!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_service_and_its_tasks_load_no_client_library():
    code = (
        "import sys, feedtwin.llm.admin, feedtwin.llm.opening, feedtwin.llm.tasks, feedtwin.testing.provider\n"
        f"print(*[m for m in {LLM_PACKAGES[:5]!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_check_for_heavy_modules_sees_them():
    assert "numpy" in loaded_after("import feedtwin; feedtwin.measure")


def test_help_of_a_command_loads_no_array_library_and_no_database():
    code = (
        "from feedtwin.cli import app\n"
        "try: app(['run', '--help'])\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
    )
    assert not {"numpy", "pyarrow", "duckdb", "xxhash", "sqlite3"} & set(loaded_after(code))


def test_help_costs_well_under_a_second_beyond_the_interpreter():
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime)"
    )

    def cpu_s(*words):
        line = [sys.executable, "-c", code, *words]
        return float(subprocess.run(line, capture_output=True, text=True, check=True).stdout)

    assert min(cpu_s("-m", "feedtwin", "--help") for _ in range(3)) - cpu_s("-c", "pass") < 0.7


def test_there_are_at_most_twenty_public_names_and_each_loads():
    assert len(feedtwin.__all__) <= 20
    for name in feedtwin.__all__:
        assert getattr(feedtwin, name) is not None
    assert set(feedtwin.__all__) - {"__version__"} == set(feedtwin._HOMES)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        feedtwin.nothing_like_it  # noqa: B018 - reading it is the test


def test_the_version_is_that_of_the_package():
    import tomllib
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    stated = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert feedtwin.__version__ == stated


def test_the_defaults_of_the_command_line_are_those_of_the_library():
    assert going.DEFAULT_WORLD == settings.DEFAULT_WORLD
    assert going.DEFAULT_STEPS == launch.DEFAULT_STEPS
    assert going.DEFAULT_SEED == launch.DEFAULT_SEED
    assert going.DEFAULT_SNAPSHOT_EVERY == running.SNAPSHOT_EVERY
