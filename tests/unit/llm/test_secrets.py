"""A key shows nowhere: not in prints, not in what servers echo, not in any file."""

import base64
import copy
import json
import logging
import pickle
from urllib.parse import quote

import pytest

from feedtwin.errors import LLMError
from feedtwin.llm.secrets import WITHHELD, Screen, Secret, read_key

KEY = "sk-Canary+4711/abcDEF=xyz%Q"
FORMS = (
    KEY, quote(KEY, safe=""), KEY.encode().hex(), KEY.encode().hex().upper(), base64.b64encode(KEY.encode()).decode(),
    base64.b64encode(b"Bearer " + KEY.encode()).decode(), base64.b64encode(b"x" + KEY.encode()).decode(), base64.urlsafe_b64encode(KEY.encode()).decode(),
    KEY.swapcase(), KEY.lower(), KEY.upper(), KEY[::-1],
)  # fmt: skip


def test_a_secret_shows_nothing():
    secret = Secret(KEY)
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>40}",
        f"{secret:>3}",
        repr([secret]),
    ):
        assert "anary" not in shown
    assert secret.reveal() == KEY and secret != Secret(KEY)
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars):
        with pytest.raises(TypeError):
            leak(secret)


@pytest.mark.parametrize("form", FORMS)
def test_a_screen_finds_the_key_in_any_form_and_any_telling_piece_of_it(form):
    screen = Screen(Secret(KEY))
    assert screen.holds(f"before {form} after")
    assert screen.shown(f"before {form} after") == WITHHELD
    for start in range(4, len(form) - 16):
        assert screen.holds(form[start : start + 12]) or form not in FORMS[:4]


def test_a_screen_leaves_other_text_alone():
    screen = Screen(Secret(KEY))
    for text in ("", "a caption", "Canary", "sk-", "x" * 10_000, "4711/abcDE"):
        assert screen.shown(text) == text
    assert not Screen(Secret("")).holds("anything")


def test_a_short_key_is_found_whole():
    screen = Screen(Secret("abc123"))
    assert screen.holds("x abc123 y") and not screen.holds("abc12")


def test_a_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    assert read_key("MY_KEY", is_needed=True).reveal() == KEY
    monkeypatch.setenv("MY_KEY", "")
    with pytest.raises(LLMError, match="export MY_KEY"):
        read_key("MY_KEY", is_needed=True)
    assert read_key("MY_KEY", is_needed=False).reveal() == ""


def test_a_live_client_keeps_the_libraries_that_write_headers_quiet():
    pytest.importorskip("openai")
    from feedtwin.llm.clients import LiveClient

    LiveClient("http://127.0.0.1:1/v1", Secret(KEY), 1.0)
    for name in ("openai", "httpx2", "httpcore2"):
        assert logging.getLogger(name).getEffectiveLevel() >= logging.WARNING


@pytest.mark.parametrize("value", ["sk-a\nb", "sk-\udcff", "sk a", "sk-ü", "sk-\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(monkeypatch, value):
    monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(LLMError, match="export SOME_KEY") as caught:
        read_key("SOME_KEY", is_needed=True)
    assert "sk" not in str(caught.value)
