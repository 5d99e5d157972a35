"""How the audit connects: options, variables, contexts of the nats command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opentelemetry_instrumentation_nats_payload._audit import connection
from opentelemetry_instrumentation_nats_payload._audit.errors import AuditError


def test_without_anything() -> None:
    """The server on this machine, as for the nats command line."""
    options = connection.resolve({}, {}, None)
    assert connection.arguments(options) == {"servers": ["nats://127.0.0.1:4222"]}


def test_options_win_over_variables_and_those_over_a_context(tmp_path: Path) -> None:
    """Each of server, credentials and TLS as a whole: no user with another's password."""
    path = tmp_path / "prod.json"
    path.write_text(
        json.dumps({"url": "nats://context", "user": "c", "password": "d", "ca": "ca.pem"})
    )
    environ = {"NATS_URL": "nats://variable", "NATS_USER": "e", "NATS_CERT": ""}
    assert connection.resolve({"server": None}, {}, str(path)) == {
        "server": "nats://context",
        "user": "c",
        "password": "d",
        "tlsca": "ca.pem",
    }
    assert connection.resolve({"server": None}, environ, str(path)) == {
        "server": "nats://variable",
        "user": "e",
        "tlsca": "ca.pem",
    }
    assert connection.resolve({"server": "nats://option", "token": "t"}, environ, str(path)) == {
        "server": "nats://option",
        "token": "t",
        "tlsca": "ca.pem",
    }


def test_a_context_by_name(tmp_path: Path) -> None:
    """From where the nats command line has them."""
    directory = tmp_path / "nats" / "context"
    directory.mkdir(parents=True)
    (directory / "prod.json").write_text('{"url": "nats://prod", "nkey": "", "user": 5}')
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": "/nowhere"}
    assert connection.resolve({}, environ, "prod") == {"server": "nats://prod"}


@pytest.mark.parametrize("text", ["[]", "{", "\udcff"])
def test_a_context_that_is_none(tmp_path: Path, text: str) -> None:
    """It is named."""
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(AuditError, match=r"cannot read the context '.*bad\.json': "):
        connection.resolve({}, {}, str(path))


@pytest.mark.parametrize(
    ("given", "servers", "shown"),
    [
        ("h", ["nats://h:4222"], "h:4222"),
        (" a:1 , b ,", ["nats://a:1", "nats://b:4222"], "a:1, b:4222"),
        ("tls://u:p@h:", ["tls://u:p@h:4222"], "h:4222"),
        ("nats://token@[::1]:5", ["nats://token@[::1]:5"], "[::1]:5"),
        ("nats://u:a@b@h:5", ["nats://u:a@b@h:5"], "h:5"),
        ("wss://h", ["wss://h"], "h"),
    ],
)
def test_servers(given: str, servers: list[str], shown: str) -> None:
    """With scheme and port; shown without credentials."""
    assert connection.servers({"server": given}) == servers
    assert connection.shown({"server": given}) == shown


def test_credentials_for_nats_py(tmp_path: Path) -> None:
    """Under the names of nats-py; ~ is the home directory also where no shell has seen it."""
    creds = tmp_path / "user.creds"
    creds.write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path))
        options = {"server": "h", "creds": "~/user.creds"}
        assert connection.arguments(options)["user_credentials"] == str(creds)
    for name, argument in (("user", "user"), ("password", "password"), ("token", "token")):
        assert connection.arguments({"server": "h", name: "x"})[argument] == "x"
    assert connection.arguments({"server": "h", "nkey": str(creds)})["nkeys_seed"] == str(creds)
