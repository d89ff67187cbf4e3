"""Addresses of model servers: none with a key in it, and one spelling for each."""

import pytest

from feedtwin.errors import SettingsError
from feedtwin.schema.address import check_address, server_of
from feedtwin.schema.settings import assign, resolve


@pytest.mark.parametrize(
    "address",
    [
        "https://user:canary@host/v1", "https://canary@host/v1", "https://@host/v1", "https://host/v1?key=canary",
        "https://host/v1?", "https://host/v1#canary", "ftp://canary", "canary/v1", "", "file:///etc/canary",
    ],
)  # fmt: skip
def test_an_address_with_credentials_or_no_address_is_refused_and_not_shown(address):
    with pytest.raises(SettingsError, match=r"llm\.base_url: .*expected something like") as caught:
        check_address(address)
    assert "canary" not in str(caught.value)
    with pytest.raises(SettingsError, match=r"llm\.base_url"):
        resolve("synthetic", users=10, sets=[f"llm.base_url={address or ' '}"])


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:99999/v1", "http://[::1/v1", "http://h:x/v1", "http://h:0/v1", "http://h/\nv1", "http://ü/v1",
        "http://a..b/v1", "http://.a/v1", "http://-a/v1", "http://a-/v1", "http://%41/v1", f"http://{'a' * 64}/v1", "http:///v1",
    ],
)  # fmt: skip
def test_an_address_with_no_host_or_port_is_refused(address):
    with pytest.raises(SettingsError, match=r"llm\.base_url: .*expected something like"):
        check_address(address)


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("HTTP://LocalHost.:80/v1/", "http://localhost/v1"), ("https://h:443", "https://h"), ("http://h:443", "http://h:443"),
        ("https://[::1]:8443/v1", "https://[::1]:8443/v1"), ("http://a_b-c.d/Path/V1//", "http://a_b-c.d/Path/V1"),
    ],
)  # fmt: skip
def test_an_address_has_one_spelling(address, server):
    assert server_of(address) == server == server_of(server)


def test_a_name_stands_for_an_address_and_can_be_mistaken_for_none():
    assert server_of("http://h/v1", "lab") == server_of("http://other:8080/v1", "lab") == "lab"
    settings = resolve("synthetic", users=10)
    for name in ("http://h/v1", "a/b", "user@h", "", "x" * 65):
        with pytest.raises(SettingsError, match=r"llm\.server_name"):
            assign(settings, [f"llm.server_name='{name}'"])
