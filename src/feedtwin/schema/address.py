"""Addresses of model servers: what is one, how two are compared, and that none may carry a key.

An address is in the settings of a run, and so in its manifest, in commands and in tables: whatever carries a user,
a password or a query is refused at the start, and no message shows it.
"""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from feedtwin.errors import SettingsError

NO_NAME: Final = "none"
"""Value of `llm.server_name` where the address tells servers apart."""
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST_MAX: Final = 253
_USUAL_PORTS: Final = {"http": 80, "https": 443}


def check_address(address: str) -> SplitResult:
    """Return the parts of an address; refuse one that is none, or that carries credentials.

    Raises:
        SettingsError: It is no http(s) address, or holds a user, a password, a query or a fragment.
    """
    try:
        parts = urlsplit(address)
        is_port = parts.port != 0  # a port that is no number or too large raises too
    except ValueError:
        raise bad_address("its host or port is none (ports are 1 to 65535)") from None
    if not is_port:
        problem = "its port is none (ports are 1 to 65535)"
    elif not all("!" <= one <= "~" for one in address):
        problem = "it holds a blank, a line break or a character beyond ASCII"
    elif "@" in parts.netloc or "?" in address or "#" in address:
        problem = "it carries credentials or a query, which files and logs would show"
    elif parts.scheme not in _USUAL_PORTS or not parts.hostname:
        problem = "it is no http or https address"
    elif not _is_host(parts.hostname):
        problem = "its host is none (an empty or impossible part between dots?)"
    else:
        return parts
    raise bad_address(problem)


def bad_address(problem: str) -> SettingsError:
    """Return the error of an address; it does not show the address, which may hold a key."""
    return SettingsError(
        f"llm.base_url: {problem}; expected something like http://127.0.0.1:8080/v1, with the key in the "
        "environment. What was given is not shown, as it may hold a key"
    )


def server_of(address: str, name: str = NO_NAME) -> str:
    """Return what tells a server from others: its name, or its address in one spelling.

    Scheme and host in lower case, a port only where it is not the usual one, no slash at the end.

    Args:
        address: Base URL.
        name: `llm.server_name`; it stands for the address unless it is `none`.

    Raises:
        SettingsError: It is no address.
    """
    if name != NO_NAME:
        return name
    parts = check_address(address)
    assert parts.hostname is not None, "checked"
    host = parts.hostname.removesuffix(".")
    host = f"[{host}]" if ":" in host else host
    is_usual = parts.port in (None, _USUAL_PORTS[parts.scheme])
    port = "" if is_usual else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def check_server_name(name: str) -> None:
    """Refuse a name of a server that could be taken for an address, or hold one.

    Raises:
        SettingsError: It is more than letters, digits, dots, dashes and underscores.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            "llm.server_name: what was given is no name, and is not shown as it may hold a key; expected up to 64 letters, "
            f"digits, dots, dashes and underscores, or {NO_NAME} to tell servers apart by their addresses"
        )


def _is_host(host: str) -> bool:
    """Whether a host is an address of IPv6 or made of labels, as names and addresses of IPv4 are."""
    if ":" in host:
        return True
    labels = host.removesuffix(".").split(".")
    return len(host) <= _HOST_MAX and all(_LABEL.fullmatch(label) for label in labels)
