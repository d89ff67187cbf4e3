import pytest

from feedtwin.errors import SettingsError
from feedtwin.registry import Registry


@pytest.fixture
def policies():
    registry = Registry("policy")

    @registry.register("popularity")
    def popularity(weight=1.0):
        return ("popularity", weight)

    return registry


def test_a_listed_part_is_found_by_its_name(policies):
    assert policies.factory("popularity")(weight=2.0) == ("popularity", 2.0)


def test_an_unknown_name_suggests_the_nearest(policies):
    with pytest.raises(SettingsError, match="no policy is called 'popularty'; did you mean"):
        policies.factory("popularty")


def test_a_name_is_listed_once(policies):
    with pytest.raises(SettingsError, match="listed twice"):
        policies.register("popularity")(dict)


def test_a_part_can_be_given_as_module_and_class(policies):
    assert policies.factory("collections:OrderedDict")(a=1) == {"a": 1}
    with pytest.raises(SettingsError, match="No module named 'nowhere_at_all'"):
        policies.factory("nowhere_at_all:X")
    with pytest.raises(SettingsError, match="module collections has no 'Nothing'"):
        policies.factory("collections:Nothing")


@pytest.mark.parametrize("text", [":X", "collections:", ":"])
def test_half_a_module_and_class_is_refused(policies, text):
    with pytest.raises(SettingsError, match="expected module:Class"):
        policies.factory(text)


def test_a_module_that_cannot_be_imported_says_why(policies, tmp_path, monkeypatch):
    (tmp_path / "broken_policy.py").write_text("def half(:\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SettingsError, match="importing it raised SyntaxError"):
        policies.factory("broken_policy:Mine")


def test_entry_points_of_installed_packages_are_found():
    commands = Registry("command", "console_scripts")
    assert "pytest" in commands.names()
    assert commands.factory("pytest").__module__.startswith("_pytest")
