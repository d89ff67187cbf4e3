"""People who sign up during a run get a written persona when they join: asked once, within the budget, and replayed."""

import shutil

import numpy as np
import pytest

from feedtwin.lab.language import language_use
from feedtwin.llm.admin import usage
from feedtwin.record.reader import Run
from feedtwin.schema.codes import LlmTask, PreferenceCause, SocialActivityKind
from feedtwin.testing.provider import Script, ScriptedProvider
from feedtwin.world.build import build
from feedtwin.world.counsel import inputs_of
from feedtwin.world.origin import prospects_from
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, resume, start

STEPS = 6
JOINING = (
    "population.prospects=60", "user.signup_rate=1", "llm.persona.source=live", "llm.persona.cohort=all",
    "llm.persona.model=feedtwin-demo", "llm.key=optional", "llm.backoff_s=0", "llm.rate_per_minute=1000000",
)  # fmt: skip


@pytest.fixture(scope="module")
def joined(lab, kernels, tmp_path_factory):
    """A run in which people sign up and a model writes who they are; and the provider."""
    path = tmp_path_factory.mktemp("joined") / "run"
    provider, settings = ScriptedProvider(Script()), lab.tiny(sets=JOINING)
    options = RunOptions(STEPS, "full", snapshot_every=2, client=provider)

    def keep(progress):
        if progress.step == STEPS // 2:
            shutil.copytree(path, path.with_name("killed"))

    return start(settings, path, options, kernels, keep), provider


def sign_ups(path):
    """(user, step) of everybody who signed up."""
    query = (
        f"select user, step from social_activity where kind = {int(SocialActivityKind.SIGNED_UP)}"
    )
    return {(row["user"], row["step"]) for row in Run.open(path).sql(query).to_pylist()}


def personas(path):
    """(user, step) of everybody whose written persona was published."""
    query = f"select distinct user, step from preference_updated where cause = {int(PreferenceCause.PERSONA_ATTENTION)}"
    return {(row["user"], row["step"]) for row in Run.open(path).sql(query).to_pylist()}


def test_whoever_signs_up_gets_a_persona_in_that_step_and_the_ledger_is_the_bill(joined):
    finished, provider = joined
    came = sign_ups(finished.path)
    assert len(came) >= 3 and all(user >= prospects_from(80) for user, _ in came)
    told = personas(finished.path)
    assert came <= told and {step for user, step in told if user < 80} == {0}
    rows = [
        row
        for _, _, one in inputs_of(Run.open(finished.path).frames)
        for row in one.get("rows", ())
    ]
    asked = [row["key"][0] for row in rows if row["task"] == LlmTask.PERSONA_GENERATION]
    assert sorted(asked) == sorted(
        user for user, _ in told
    )  # each once; a prospect who never came, never
    assert usage(finished.path).paid == provider.bill.microusd > 0
    assert not language_use(finished.path).degraded


def test_a_replay_and_a_run_that_was_killed_come_to_the_same_digest(
    joined, kernels, tmp_path, copied
):
    finished, provider = joined
    calls = provider.bill.calls
    report = replay(
        finished.path, kernels
    )  # logged rows and the tables folded from them are compared
    assert report.digest == finished.digest and provider.bill.calls == calls
    again = ScriptedProvider(Script())
    killed = copied(finished.path.with_name("killed"))
    done = resume(killed, kernels, client=again, cache=tmp_path / "own")
    assert done.digest == finished.digest
    late = {user for user, step in personas(finished.path) if step >= STEPS // 2}
    assert again.bill.calls == len(late) > 0


def test_without_personas_a_sign_up_is_what_it_was(lab, kernels):
    off = [one for one in JOINING if not one.startswith("llm.persona.source")]
    plain = [one for one in JOINING if not one.startswith("llm.")]
    assert lab.chain(lab.tiny(sets=off), kernels, STEPS) == lab.chain(
        lab.tiny(sets=plain), kernels, STEPS
    )


def test_one_more_user_changes_nobodys_persona(lab, kernels):
    """Nor does one more prospect: who somebody is depends on nobody else."""
    found = []
    for more in ({}, {"users": 81}, {"sets": [*JOINING[1:], "population.prospects=61"]}):
        sets = [one.replace("=live", "=surrogate") for one in more.pop("sets", JOINING)]
        null = ["policies.recommendation=random", "policies.promotion=none"]
        rows = lab.logged(build(lab.tiny(sets=[*sets, *null], **more), kernels), STEPS)
        own = {}
        for event, step, table in rows:
            if event == "PREFERENCE_UPDATED":
                causes = table["cause"].to_numpy()
                kept = table.filter(np.isin(causes, (6, 7, 8)))
                for row in kept.to_pylist():
                    own.setdefault((row["user"], step), []).append(
                        (row["cause"], row["topic"], row["change"])
                    )
        found.append(own)
    first, *others = found
    assert any(step for _, step in first)
    for other in others:
        assert len(other) >= len(first)
        assert {key: other[key] for key in first} == first
