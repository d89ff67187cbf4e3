import pytest

from feedtwin.errors import SettingsError
from feedtwin.schema.parameters import load_defaults
from feedtwin.schema.settings import DEFAULT_WORLD, resolve, worlds

PATH = "recommendation.slate_size"


@pytest.fixture
def world(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


def test_the_default_world_ships():
    assert DEFAULT_WORLD in worlds()


def test_later_layers_win_default_world_arm_and_set(world):
    path = world(f"parameters: {{{PATH}: 4}}\n")
    assert resolve("synthetic").parameters[PATH] == load_defaults().get(PATH)
    assert resolve(path).parameters[PATH] == 4
    arm = {"parameters": {PATH: 5}, "policies": {"recommendation": "random"}}
    assert resolve(path, arm=arm).parameters[PATH] == 5
    assert resolve(path, arm=arm, sets=[f"{PATH}=6"]).parameters[PATH] == 6
    assert resolve(path, arm=arm).policies["recommendation"] == "random"


def test_a_preset_lies_below_the_world_file(world):
    literal = resolve("synthetic", preset="paper_literal")
    assert literal.parameters != resolve("synthetic").parameters
    assert resolve("synthetic", sets=["preset=paper_literal"]) == literal
    changed = next(p for p, v in literal.parameters.items() if v != load_defaults().get(p))
    default = load_defaults().get(changed)
    kept = resolve(world(f"preset: paper_literal\nparameters: {{{changed}: {default}}}\n"))
    assert kept.parameters[changed] == default
    assert kept.preset == "paper_literal"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"world": "synthetc"}, "did you mean 'synthetic'"),
        ({"world": "missing.yaml"}, "no such file"),
        ({"preset": "paper_litteral"}, "did you mean 'paper_literal'"),
        ({"sets": ["recommendation.slate_sise=3"]}, r"did you mean 'recommendation\.slate_size'"),
        ({"sets": ["slate_size=3"]}, r"did you mean 'recommendation\.slate_size'"),
        ({"sets": [f"{PATH}=1000"]}, "must be at most"),
        ({"sets": ["policies.recomendation=random"]}, r"no lever .*did you mean 'recommendation'"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"seed": -1}, "seed is -1"),
        ({"replicate": 2**20}, "replicate is 1048576"),
        ({"users": 0}, "users is 0"),
    ],
)
def test_a_wrong_argument_is_explained(arguments, problem):
    with pytest.raises(SettingsError, match=problem):
        resolve(**{"world": "synthetic", **arguments})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("paramters: {}\n", r"line 1: a world has no key 'paramters'; did you mean 'parameters'"),
        ("\npopulation: {kind: syntetic}\n", r"line 2: population.kind .*did you mean 'synthetic'"),
        ("\nparameters: {a.b: 1}\n", r"line 2: no parameter is called 'a\.b'"),
        ("parameters:\n  recommendation:\n    slate_size: 0\n", "line 3: .*must be at least 1"),
        ("policies: {ranking: x}\n", "no lever is called 'ranking'"),
        ("parameters: 3\n", "expected a mapping"),
    ],
)
def test_a_wrong_world_file_is_explained_with_its_line(world, text, problem):
    with pytest.raises(SettingsError, match=problem) as caught:
        resolve(world(text))
    assert "mine.yaml" in str(caught.value)


def test_a_world_file_that_is_no_text_is_explained(tmp_path):
    path = tmp_path / "w.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"w\.yaml: byte 0 is no UTF-8"):
        resolve(path)


def test_the_data_path_can_be_given_on_the_command_line():
    assert resolve("kuairand", sets=["data.path=logs"]).data == {"path": "logs"}


def test_users_come_from_the_argument_then_the_world_then_the_parameters(world):
    path = world("population: {kind: synthetic, users: 70}\n")
    assert resolve(path, users=5).users == 5
    assert resolve(path).users == 70
    assert resolve("synthetic").users == load_defaults().get("population.users")


def test_the_digest_follows_every_setting_that_determines_state():
    base = resolve("synthetic")
    assert base.digest() == resolve("synthetic").digest()
    others = [
        resolve("synthetic", seed=1),
        resolve("synthetic", replicate=1),
        resolve("synthetic", users=11),
        resolve("synthetic", sets=[f"{PATH}=3"]),
        resolve("synthetic", append={"users": [{}]}),
    ]
    assert len({base.digest(), *(other.digest() for other in others)}) == len(others) + 1


def test_a_section_of_the_settings_holds_the_values_in_force():
    settings = resolve("synthetic", sets=[f"{PATH}=3"])
    assert settings.section("recommendation")["slate_size"] == 3
