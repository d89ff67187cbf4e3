"""How effects look in a terminal, however wide it is."""

from dataclasses import replace

import pytest

from feedtwin.cli.effects import print_effects
from feedtwin.cli.explaining import _share
from feedtwin.cli.terminal import console
from feedtwin.lab.study.result import Effect

ONE = Effect(
    estimand="gifts", metric="gifts_per_creator", label="gifts", unit="USD", direction="higher", contrast="a - b",
    treatment="a", base="b", cohort="non-adopters at 20 %", first_step=0, last_step=10, n=12, n_effective=11,
    n_independent=20.0, mean_treatment=1543.0, mean_base=1543.25, estimate=-0.257, low=-0.51, high=-0.003,
    confidence=0.95, method="paired t", sd=0.4, p=0.049, test="paired t", p_adjusted=0.0871, correction="holm",
    family_size=9, pairing_rho=-0.0001, variance_ratio=1540.0, variance_ratio_low=None, variance_ratio_high=None,
    unpaired_low=None, unpaired_high=None, mde=412.0, smallest_effect=0.1, power_at_smallest=0.42, margin_low=None,
    margin_high=None, claim="", p_claim=None, verdict="not distinguishable after correction", calibration="none",
)  # fmt: skip


@pytest.fixture
def printed(monkeypatch, capsys):
    def of(effects, columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        console.cache_clear()
        print_effects(effects, 10)
        console.cache_clear()
        return capsys.readouterr().out

    return of


@pytest.mark.parametrize("columns", [40, 60, 100, 200])
def test_p_and_n_and_what_could_be_seen_survive_any_width(printed, columns):
    text = " ".join(printed([ONE], columns).split())
    for words in ("0.087 11", "gifts_per_creator (non-adopters at 20 %), USD", "not distinguishable after correction",
                  "detects 410", "matters 0.1 (power 0.42)", "VR 1,540"):  # fmt: skip
        assert words in text


def test_a_hundred_columns_hold_a_line_of_numbers(printed):
    lines = printed([ONE], 100).splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert lines[1].split()[-2:] == ["0.087", "11"]


def test_intervals_beside_zero_and_nothing_look_like_what_they_are(printed):
    text = printed([ONE, replace(ONE, metric="still", estimate=-1e-9, low=-1e-5, high=1e-5)], 120)
    assert "[-0.510, -0.003]" in text and " -0.00000 " not in text and "rho 0.00" in text


def test_joint_intervals_have_a_column(printed):
    text = printed([replace(ONE, joint_low=-0.7, joint_high=0.2)], 140)
    assert "all at once" in text and "[-0.700, +0.200]" in text


def test_a_share_of_what_may_be_nothing_is_no_percentage():
    assert _share(None, True) == "not distinguishable" and _share(0.4, False) == "-"
    assert _share(-0.001, True) == "0%" and _share(1.2, True) == "120%"
