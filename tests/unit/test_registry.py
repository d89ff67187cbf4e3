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


def test_a_made_part_remembers_its_name_and_arguments(policies):
    made = policies.make("popularity", weight=2.0)
    assert (made.name, made.arguments, made.value) == (
        "popularity",
        {"weight": 2.0},
        ("popularity", 2.0),
    )


def test_an_unknown_name_suggests_the_nearest(policies):
    with pytest.raises(SettingsError, match="no policy is called 'popularty'; did you mean"):
        policies.factory("popularty")


def test_a_name_is_listed_once(policies):
    with pytest.raises(SettingsError, match="listed twice"):
        policies.register("popularity")(dict)


def test_a_part_can_be_given_as_module_and_class(policies):
    assert policies.make("collections:OrderedDict", a=1).value == {"a": 1}
    with pytest.raises(SettingsError, match="No module named 'nowhere_at_all'"):
        policies.factory("nowhere_at_all:X")
    with pytest.raises(SettingsError, match="module collections has no 'Nothing'"):
        policies.factory("collections:Nothing")


def test_entry_points_of_installed_packages_are_found():
    commands = Registry("command", "console_scripts")
    assert "pytest" in commands.names()
    assert commands.factory("pytest").__module__.startswith("_pytest")
