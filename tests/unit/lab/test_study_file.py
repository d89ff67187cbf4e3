"""A study file says what is run, or what is wrong with it and where: nothing runs before it is right."""

import pytest

from feedtwin.errors import SettingsError
from feedtwin.lab.study.reading import built_in_studies, parse_study, read_study
from feedtwin.schema.yaml_reader import read_document

GOOD = """\
description: a test
world: synthetic
users: 100
horizon: 12
arms:
  base: {}
  random:
    policies: {recommendation: random}
  similar:
    parameters: {recommendation.weight_similarity: 2.0}
replicates: 3
cohorts:
  stars: {of: creators, column: tier, is: [elite, active]}
  busy: {of: viewers, column: activity, top: 0.2}
estimands:
  - metric: [watch_s, skip_rate]
    smallest_effect: 0.1
  - metric: view_gini_videos
    contrast: similar - random
    cohort: stars
  - metric: watch_s
    cohort: busy
    contrast: random - base
    steps: [0, 6]
    no_harm: 0.5
"""


def parse(text, **options):
    return parse_study(read_document(text, "mine.yaml"), "mine", **options)


def test_a_good_file_becomes_estimands():
    study = parse(GOOD)
    assert list(study.arms) == ["base", "random", "similar"] and study.base == "base"
    assert [one.name for one in study.estimands] == [
        "watch_s | random - base", "watch_s | similar - base", "skip_rate | random - base",
        "skip_rate | similar - base", "view_gini_videos | similar - random | stars",
        "watch_s | random - base | busy | steps 0-6",
    ]  # fmt: skip
    assert study.estimands[-1].margin == (-0.5, float("inf"))  # watch time: lower is harm
    assert study.replication.most == 3 and study.alpha == 0.05


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("metric: view_gini_videos", "metric: view_gini_video", 18, "did you mean 'view_gini_videos'"),
        ("contrast: similar - random", "contrast: similar - radnom", 19, "did you mean 'random'"),
        ("contrast: similar - random", "contrast: similar - similar", 19, "an arm against itself"),
        ("contrast: similar - random", "contrast: {similar: a - b}", 19, "the study has no factors"),
        ("contrast: similar - random", "contrast: similar", 19, "expected two arms"),
        ("recommendation: random", "recommendation: rnadom", 8, "did you mean 'random'"),
        ("recommendation: random", "recomendation: random", 8, "did you mean 'recommendation'"),
        ("weight_similarity: 2.0", "weight_similarty: 2.0", 10, "weight_similarity"),
        ("weight_similarity: 2.0", "weight_similarity: -1e9", 10, "must be at least"),
        ("cohort: stars", "cohort: star", 20, "did you mean 'stars'"),
        ("column: tier", "column: satisfaction", 13, "no attribute that people have before"),
        ("is: [elite, active]", "is: [elit]", 13, "did you mean 'elite'"),
        ("is: [elite, active]", "is: [rich]", 13, "expected one of elite, active, casual, consumer"),
        ("column: tier, is: [elite, active]", "column: age_group, is: [18-25]", 13, "did you mean '18-24'"),
        ("column: tier, is: [elite, active]", "column: persona, is: [clown]", 13, "expected a number"),
        ("steps: [0, 6]", "steps: [0, 60]", 24, "<= 12, the study's horizon"),
        ("replicates: 3", "replicates: 0", 11, "expected at least 1"),
        ("replicates: 3", "replicates: true", 11, "expected a whole number"),
        ("replicates: 3", "replicates: three", 11, "expected a whole number"),
        ("metric: view_gini_videos", "metric: []", 18, "expected one or more"),
        ("contrast: similar - random", "contrast: 3", 19, "estimands[1].contrast is 3: expected a name"),
        ("steps: [0, 6]", "steps: 6", 24, "expected two numbers, as in [0, 24]"),
        ("horizon: 12", "horizon: 12\nover_time: 13", 5, "expected at most 12"),
        ("horizon: 12", "horizon: 12\nseed: 5000000000", 5, "expected at most 4294967295"),
        ("  similar:", "  simi - lar:", 9, "a name cannot hold ' - '"),
        ("horizon: 12", "horizn: 12", 4, "did you mean 'horizon'"),
        ("smallest_effect: 0.1", "smalest_effect: 0.1", 17, "did you mean 'smallest_effect'"),
        ("world: synthetic", "world: synthetc", 2, "did you mean 'synthetic'"),
        ("world: synthetic", "world: synthetic\npreset: nope", 3, "no preset is called 'nope'"),
        ("cohort: stars", "cohort: busy", 20, "cannot be counted for some viewers"),
        ("cohort: busy", "cohort: stars", 22, "which is not kept by creator"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_and_line(old, new, line, words):
    assert old in GOOD
    with pytest.raises(SettingsError) as error:
        parse(GOOD.replace(old, new, 1))
    assert f"mine.yaml, line {line}:" in str(error.value), error.value
    assert words in str(error.value)


def test_what_people_do_from_their_first_day_on_is_no_part_of_a_run():
    text = GOOD.replace("    cohort: stars", "    steps: [0, 6]")
    assert parse(text).estimands[4].last_step == 6
    text = text.replace("view_gini_videos", "retention_d1")
    with pytest.raises(
        SettingsError, match=r"line 20: steps \[0, 6\]: retention_d1 follows people from"
    ):
        parse(text)


def test_what_is_missing_or_no_mapping_is_said_plainly():
    with pytest.raises(SettingsError, match=r"mine.yaml: there is no 'horizon'; expected one"):
        parse(GOOD.replace("horizon: 12\n", ""))
    text = GOOD[: GOOD.index("estimands:")] + "estimands: [watch_s]\n"
    with pytest.raises(SettingsError, match="is 'watch_s': expected `key: value` lines"):
        parse(text)


def test_a_quick_look_may_be_shorter_than_a_window():
    assert parse(GOOD.replace("horizon: 12", "horizon: 60\nover_time: 48"), quick=True).horizon < 48


def test_arms_that_need_a_world_of_their_own_cannot_share_a_past():
    text = GOOD.replace("horizon: 12", "horizon: 12\nwarmup: 6").replace(
        "recommendation.weight_similarity: 2.0", "population.videos_per_user: 9"
    )
    with pytest.raises(
        SettingsError, match=r"line 10: fork: population.videos_per_user acts only when"
    ):
        parse(text)


def test_arms_and_factors_are_not_both_and_one_is_needed():
    with pytest.raises(SettingsError, match="both arms and factors"):
        parse(GOOD + "factors: {a: {x: {}, y: {}}}\n")
    with pytest.raises(SettingsError, match="neither arms nor factors"):
        parse("world: synthetic\nhorizon: 5\nestimands: [{metric: watch_s}]\n")


DESIGN = """\
world: synthetic
users: 100
horizon: 6
factors:
  ranking: {taste: {}, random: {policies: {recommendation: random}}}
  slate: {5: {}, 8: {parameters: {recommendation.slate_size: 8}}, 10: {parameters: {recommendation.slate_size: 10}}}
replicates: 2
estimands:
  - metric: watch_s
  - metric: watch_s
    contrast: {ranking: random - taste, slate: 5}
  - metric: watch_s
    contrast: {ranking: random - taste, slate: 10 - 5}
"""


def test_factors_are_crossed_and_main_effects_are_means():
    study = parse(DESIGN)
    assert list(study.arms) == [
        "taste/5", "taste/8", "taste/10", "random/5", "random/8", "random/10",
    ]  # fmt: skip
    main, *_, simple, both = [one.contrast for one in study.estimands]
    assert (
        main.weights["random/8"] == pytest.approx(1 / 3) and abs(sum(main.weights.values())) < 1e-12
    )
    assert simple.weights == {"random/5": 1.0, "taste/5": -1.0}
    assert both.weights == {"taste/5": 1.0, "taste/10": -1.0, "random/5": -1.0, "random/10": 1.0}
    assert simple.is_plain and not both.is_plain
    assert len(study.estimands) == 5  # three main effects, then the two that were asked for


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("slate: 10 - 5", "slate: 11 - 5", "slate has no level '11'"),
        ("slate: 10 - 5", "speed: 10 - 5", "no factor is called 'speed'"),
        ("ranking: random - taste, slate: 5}", "slate: 5}", "no factor has a difference"),
        ("taste: {}, random", "random", "has 1 levels; expected two"),
    ],
)
def test_impossible_contrasts_of_factors_are_refused(old, new, words):
    with pytest.raises(SettingsError, match=r"mine\.yaml, line") as error:
        parse(DESIGN.replace(old, new))
    assert words in str(error.value)


HALF = """\
world: synthetic
users: 100
horizon: 6
factors:
  A: {low: {}, high: {parameters: {recommendation.weight_similarity: 2.0}}}
  B: {low: {}, high: {policies: {recommendation: random}}}
  C: {low: {}, high: {parameters: {promotion.amplification: 0.5}}}
fraction: ["C = A*B"]
replicates: 2
estimands: [{metric: watch_s}]
"""


def test_half_a_design_says_what_it_confounds():
    study = parse(HALF)
    assert list(study.arms) == ["low/low/low", "low/high/high", "high/low/high", "high/high/low"]
    assert study.aliases[0] == "the effect of A cannot be told from that of B*C"
    with pytest.raises(SettingsError, match="line 8: fraction 'C = A': expected a generator"):
        parse(HALF.replace("A*B", "A"))
    with pytest.raises(SettingsError, match="no factor is called 'D'"):
        parse(HALF.replace("A*B", "A*D"))


def test_precision_is_declared_with_a_cap():
    until = "replicates: {most: 40, batch: 5, until: {estimand: watch_s | random - base, half_width: 0.2}}"
    study = parse(GOOD.replace("replicates: 3", until))
    assert study.replication.precision.half_width == 0.2 and study.replication.batch == 5
    for wrong, words in (
        ("half_width: 0.2", "expected half_width"),
        ("watch_s | random - base", "no estimand is called 'wach'"),
    ):
        text = until.replace(
            wrong, "wach" if "watch" in wrong else "half_width: 0.2, relative: 0.1"
        )
        with pytest.raises(SettingsError, match="line 11") as error:
            parse(GOOD.replace("replicates: 3", text))
        assert words in str(error.value)


def test_a_quick_look_is_smaller_and_says_so():
    study = parse(
        GOOD.replace("horizon: 12", "horizon: 240").replace("replicates: 3", "replicates: 90"),
        quick=True,
    )
    assert study.quick and study.replication.most == 8 and study.horizon == 24
    told = parse(GOOD + "quick: {replicates: 2, users: 50}\n", quick=True)
    assert (told.replication.most, told.users, told.horizon) == (2, 50, 12)
    assert parse(GOOD, replicates=7).replication.most == 7


def test_studies_by_name_are_right():
    assert "first-look" in built_in_studies()
    for name in built_in_studies():
        assert read_study(name).estimands
        assert read_study(name, quick=True).quick
    with pytest.raises(SettingsError, match="did you mean 'first-look'"):
        read_study("first-lok")
    with pytest.raises(SettingsError, match="no such file"):
        read_study("nothing.yaml")
