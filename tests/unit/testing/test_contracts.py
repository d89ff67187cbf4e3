"""`check_policy` passes what ships and says what is wrong with what does not keep its contract."""

import numpy as np
import pytest

from feedtwin.errors import PolicyError, SettingsError
from feedtwin.kernels.binding import load
from feedtwin.policies.interface import (
    ALL,
    CONTRACTS,
    LEVERS,
    REGISTRIES,
    Pool,
    Ranking,
    StageChanges,
    policy,
)
from feedtwin.policies.promotion import Staged
from feedtwin.policies.recommendation.nulls import Random
from feedtwin.schema.settings import resolve
from feedtwin.testing import check_policy, contracts, examine_policy
from feedtwin.world.build import build


@pytest.fixture(scope="module")
def kernels():
    return load("auto")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(contracts, "STEPS", 6)
    monkeypatch.setattr(contracts, "USERS", 40)


@pytest.fixture
def listed(monkeypatch):
    def enter(cls, lever="recommendation"):
        registry = REGISTRIES[lever]
        monkeypatch.setattr(registry, "_factories", dict(registry._factories))
        policy(lever, "tried", section=lever)(cls)
        return "tried"

    return enter


def failures(report):
    return {finding.check: finding.found for finding in report.findings if not finding.ok}


@pytest.mark.parametrize("name", ["kuaishou", "staged", "basic", "proactive", "template", "rules"])
def test_a_shipped_policy_keeps_its_contract(kernels, name):
    report = check_policy(name, kernels)
    assert report.ok
    worlds = [f.check for f in report.findings if "," not in f.check]
    assert len(worlds) >= 3
    assert f"lever {report.lever}" in report.text


class Bow(Random):
    """Ends the program."""

    def pools(self, view):
        raise SystemExit(0)


def test_a_policy_cannot_end_the_run_in_silence(listed, kernels):
    found = failures(examine_policy(listed(Bow), kernels))
    assert any("raised SystemExit" in text for text in found.values())


def test_channels_that_are_none_are_refused(listed, kernels):
    class Closed(REGISTRIES["monetization"].factory("basic")):
        """Says nothing of its channels."""

        channels = None

    found = failures(examine_policy(listed(Closed, "monetization"), kernels))
    assert any("monetization.channels: found a NoneType" in text for text in found.values())


def test_every_lever_has_a_contract():
    assert set(CONTRACTS) == set(LEVERS)


class Forgetful(Random):
    """Remembers how often it was asked."""

    asked = 0

    def pools(self, view):
        self.asked += 1
        return [Pool(ALL, np.nonzero(view.items.is_public)[0], 8 + self.asked)]


_calls = [0]


class Chancy(Random):
    """Answers by something that differs from call to call."""

    def ranking(self, view):
        _calls[0] += 1
        base = np.resize(np.arange(_calls[0] % 7 + 1), len(view.items)).astype(np.float32)
        return Ranking(0.0, 0.0, base)


class Repeating(Random):
    """Names a row twice."""

    def pools(self, view):
        rows = np.nonzero(view.items.is_public)[0]
        return [Pool(ALL, np.concatenate([rows, rows]), 10)]


class Unmakeable(Random):
    """Wants other settings than it is given."""

    def __init__(self, settings):
        self.settings = settings.mine


class OnlyInFullWorlds(Staged):
    """Takes the busiest video, and there need not be one."""

    def due(self, view):
        return StageChanges(np.array([view.items.likes.argmax()]), np.array([1]))


class Prying(Staged):
    """Looks at what the platform does not know."""

    def boost(self, view):
        return view.items.hook_strength


BROKEN = {
    Forgetful: ("resumed", "keeps nothing"),
    Chancy: ("asked again", "no clock, no chance"),
    Repeating: ("a usual world", "Repeating, step 0, contract recommendation.pools: pool 4: row"),
    Unmakeable: ("a usual world", "making it raised AttributeError"),
    OnlyInFullWorlds: ("no videos", "raised ValueError"),
    Prying: ("a usual world", "items.hook_strength"),
}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_what_breaks_the_contract_is_found_and_named(listed, kernels, cls):
    spec = listed(cls, "promotion" if issubclass(cls, Staged) else "recommendation")
    report = examine_policy(spec, kernels)
    check, words = BROKEN[cls]
    found = {name: text for name, text in failures(report).items() if check in name}
    assert found and all(words in text for text in found.values()), report.text
    assert "FAILS" in report.text
    with pytest.raises(PolicyError, match="the contract is broken"):
        check_policy(spec, kernels)


def test_a_class_without_the_methods_is_told_which(listed, kernels):
    class Half:
        """Only pools."""

        def pools(self, view):
            return []

    report = examine_policy(listed(Half), kernels)
    assert failures(report) == {"methods": "ranking, scores not there"}


def test_a_class_without_the_methods_is_refused_before_a_world_begins(listed, kernels):
    class Half:
        """Only pools, and never asked for them."""

        def __init__(self, settings):
            pass

        def pools(self, view):
            raise AssertionError("asked")

    settings = resolve("synthetic", 40, sets=[f"policies.recommendation={listed(Half)}"])
    with pytest.raises(PolicyError, match="Half has no ranking, scores; expected a recommendation"):
        build(settings, kernels)


ANSWERS = [
    ("recommendation", "random", "pools"), ("promotion", "staged", "due"),
    ("promotion", "staged", "boost"), ("forecast", "rules", "forecast"),
    ("governance", "proactive", "decide"), ("campaigns", "template", "plan"),
    ("monetization", "basic", "fund"), ("monetization", "full_stack", "shares"),
]  # fmt: skip


@pytest.mark.parametrize(("lever", "name", "method"), ANSWERS)
def test_a_method_without_return_is_named_with_step_and_contract(
    listed, kernels, lever, name, method
):
    parent = REGISTRIES[lever].factory(name)
    silent = type("Silent", (parent,), {method: lambda self, *given: None})
    words = rf"step \d+, contract {lever}.{method}: (the answer is None|{method} is a NoneType)"
    sets = ["forecast.every_steps=1", "governance.every_steps=1", "trends.track=always",
            "monetization.fund_steps=1"]  # fmt: skip
    world = build(
        resolve("synthetic", 300, sets=[*sets, f"policies.{lever}={listed(silent, lever)}"]),
        kernels,
    )
    with pytest.raises(PolicyError, match=words):
        for _ in range(30):
            world.step()


def test_what_is_no_policy_is_refused():
    with pytest.raises(SettingsError, match="no policy is called 'tiktokk'; did you mean 'tiktok'"):
        check_policy("tiktokk")
    with pytest.raises(SettingsError, match=r"promotion: .*none, staged;.*monetization: .*basic"):
        check_policy("unheard of")
    with pytest.raises(PolicyError, match="is no policy of any lever"):
        check_policy("feedtwin.schema.ids:item_id")


def test_a_name_that_several_levers_have_is_told_apart_by_the_lever(kernels):
    with pytest.raises(SettingsError, match="'none' is a policy of promotion") as caught:
        check_policy("none")
    assert "policies.promotion=none or policies." in str(caught.value)
    assert check_policy("policies.promotion=none", kernels).lever == "promotion"
    with pytest.raises(SettingsError, match="no lever is called 'promotio'; did you mean"):
        check_policy("policies.promotio=none")
