"""Where an effect comes from: parts that add up, and are exactly nothing where nothing can come through."""

from functools import cache

import numpy as np
import pytest

import feedtwin
from feedtwin.errors import SettingsError
from feedtwin.lab.statistics import difference
from feedtwin.lab.study.explaining import explain_effect, share_of
from feedtwin.record.reader import Run
from feedtwin.world.freezing import PARTS, SUPPLY, decisions_of, run_frozen
from feedtwin.world.options import RunOptions
from feedtwin.world.replay import segments_of

SMALL = """\
world: synthetic
users: 80
seed: 3
horizon: 10
warmup: 4
arms:
  base: {}
  random: {policies: {recommendation: random}}
  picky: {parameters: {interaction.skip_target: 0.75}}
replicates: 3
estimands:
  - metric: [skip_rate, view_gini_videos]
  - metric: skip_rate
    contrast: picky - random
"""


PROLIFIC = """\
world: synthetic
users: 80
seed: 3
horizon: 24
arms:
  base: {}
  prolific: {parameters: {"user.uploads_per_day": [9, 6, 3, 0]}}
replicates: 2
estimands: [{metric: uploads}]
"""


CHATTY = """\
world: everything
users: 120
seed: 3
horizon: 12
parameters: {user.duet_rate: 0.2, user.stitch_rate: 0.2}
arms:
  base: {}
  random: {policies: {recommendation: random}}
replicates: 2
estimands: [{metric: skip_rate}]
"""


@pytest.fixture(scope="module")
def explained(small, kernels):
    @cache
    def of(metric, contrast):
        return explain_effect(small.path, metric, contrast=contrast, replicates=2, kernels=kernels)

    return of


def parts(found):
    return {one.name: one.found.estimate for one in found.parts}


@pytest.mark.parametrize(
    ("metric", "contrast"),
    [
        ("skip_rate", "random - base"),
        ("view_gini_videos", "random - base"),
        ("skip_rate", "picky - base"),
    ],
)
def test_parts_add_up_to_the_total(explained, metric, contrast):
    found = explained(metric, contrast)
    sizes = parts(found)
    total = sizes["supply"] + sizes["exposure"] + sizes["behaviour"]
    assert total == pytest.approx(found.total.estimate, abs=1e-12)


def test_a_ranking_acts_through_exposure_alone(explained):
    found = explained("skip_rate", "random - base")
    assert found.replayed == 1.0
    assert parts(found)["supply"] == parts(found)["behaviour"] == 0.0
    assert parts(found)["exposure"] == found.total.estimate != 0


def test_uploads_are_supply(ran, tmp_path, kernels):
    path = ran(PROLIFIC, tmp_path / "prolific").path
    sizes = parts(explain_effect(path, "uploads", replicates=2, kernels=kernels))
    assert sizes["supply"] > 0 and sizes["exposure"] == sizes["behaviour"] == 0.0


def test_people_who_skip_more_are_behaviour(explained):
    found = explained("skip_rate", "picky - base")
    sizes = parts(found)
    assert sizes["behaviour"] > 10 * abs(sizes["exposure"]) and sizes["supply"] == 0.0


def test_shares_are_given_of_what_can_be_told_from_zero_only(explained):
    """Two pairs can tell nothing from zero, so their parts are shares of nothing."""
    assert {one.share for one in explained("skip_rate", "random - base").parts} == {None}
    steady, wild = np.linspace(1, 1.2, 9), np.linspace(-1, 1.1, 9)
    total, part, unclear, nothing = (
        difference(values, np.zeros(9)) for values in (2 * steady, steady, wild, np.zeros(9))
    )
    assert share_of(part, total) == pytest.approx(0.5) and share_of(nothing, total) == 0.0
    assert share_of(unclear, total) is None and share_of(part, unclear) is None


def test_the_path_goes_from_the_policy_line_to_the_metric(explained):
    found = explained("skip_rate", "random - base")
    assert found.policy == ("policies.recommendation: random instead of the study's own",)
    assert found.divergence.event == "IMPRESSION_SERVED" and found.divergence.step == 4
    text = "\n".join(found.path)
    for word in ("policy line:", "phase serve", "first difference: step 4", "skip_rate"):
        assert word in text
    assert 0 < found.in_common < 1


def test_what_cannot_be_explained_is_refused_in_words(small, kernels):
    with pytest.raises(SettingsError, match="did you mean 'skip_rate'"):
        explain_effect(small.path, "skip_rates", kernels=kernels)
    with pytest.raises(SettingsError, match="no contrast 'a - b'"):
        explain_effect(small.path, "skip_rate", contrast="a - b", kernels=kernels)


def test_duets_and_stitches_are_held_with_supply(ran, kernels, tmp_path):
    result = ran(CHATTY, tmp_path / "chatty")
    base, treated = (Run.open(result.cell_path(arm, 0)) for arm in ("base", "random"))
    held = decisions_of(segments_of(base), 0, 12, kernels)
    assert sum(
        batch.rows for made in held.answers.values() for one in made.values() for batch in one
    )
    own = decisions_of(segments_of(treated), 0, 12, kernels)
    options = RunOptions(12, "digest", 12)
    run_frozen(segments_of(treated), 0, held, (SUPPLY,), tmp_path / "held", options, kernels)

    def videos(path):
        return sorted(feedtwin.read_run(path).items["item"].tolist())

    assert own.answers != held.answers
    assert videos(tmp_path / "held") == videos(base.path) != videos(treated.path)


def test_a_run_held_at_its_own_decisions_is_that_run(ran, kernels, tmp_path):
    path = ran(CHATTY, tmp_path / "chatty").cell_path("base", 0)
    segments = segments_of(Run.open(path))
    held = decisions_of(segments, 0, 12, kernels)
    options = RunOptions(12, "digest", 12)
    done, _ = run_frozen(segments, 0, held, PARTS, tmp_path / "held", options, kernels)
    run = Run.open(path)
    assert done.digest == run.commits[run.last_step]
