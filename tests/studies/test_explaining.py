"""Where an effect comes from: parts that add up, and are exactly nothing where nothing can come through."""

from functools import cache

import pytest

from feedtwin.errors import SettingsError
from feedtwin.lab.study.explaining import explain_effect

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
