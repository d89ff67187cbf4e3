"""Numbers as people read them."""

import pytest

from feedtwin.lab.numbers import decimals, declared, fixed, interval, p_value, significant


@pytest.mark.parametrize(
    ("value", "text"),
    [(400.0, "400"), (1543.0, "1,540"), (0.012345, "0.0123"), (9.996, "10.0"), (-0.5, "-0.500"), (0.0, "0"),
     (-0.0, "0"), (1_234_567.0, "1,230,000"), (4e-5, "0.0000400"), (None, "-"), (float("inf"), "inf")],
)  # fmt: skip
def test_three_digits_are_written_out(value, text):
    assert significant(value) == text


def test_signs_and_zeros_can_be_asked_for():
    assert significant(0.25, sign=True) == "+0.250" and significant(0.25, strip=True) == "0.25"
    assert significant(1200.0, 6, strip=True) == "1,200" and significant(-0.0, sign=True) == "0"


def test_nothing_has_no_sign():
    assert fixed(-0.00001, 2) == "0.00" and fixed(-0.00001, 2, sign=True) == "0.00"
    assert fixed(-0.014, 2, sign=True) == "-0.01" and fixed(1543.2, 0) == "1,543"


def test_an_end_beside_zero_does_not_look_like_zero():
    digits = decimals(-0.51, -0.003, -0.26)
    assert interval(-0.51, -0.003, digits) == "[-0.510, -0.003]"
    assert interval(-0.51, 0.0, decimals(-0.51, 0.0, -0.26)) == "[-0.51, 0.00]"
    assert decimals(-0.51, -1e-12, -0.26) == 2  # nobody needs twelve decimals


def test_p_is_never_zero():
    assert (p_value(1e-9), p_value(0.5), p_value(None)) == ("<0.001", "0.500", "-")


def test_what_was_declared_keeps_its_digits_and_its_unit():
    assert declared(0.005, "share", sign=True) == "+0.5 pp" and declared(0.1, "s") == "0.1 s"
    assert declared(12500.0, "count") == "12,500"
