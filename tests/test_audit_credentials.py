"""nats-trace-audit and who it says it is: users, nkeys, credentials files, certificates."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit_cli import fails, forget
from audit_credentials import Key, certificates, operator_mode, tls_server
from conftest import StartServer
from nats_server import nats_server

_SHORT = ("--seconds", "0.1")
_NOTHING = r"no message on > in 0\.1 s\."


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The machine says nothing of NATS."""
    forget(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with a user, who may not listen to everything."""
    configuration = (
        'authorization { users: [ {user: "bob", password: "s3cret", '
        'permissions: {publish: {deny: ">"}, subscribe: "a.>"}} ] }'
    )
    with nats_server(tmp_path_factory.mktemp("nats"), configuration) as url:
        yield url


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        ((), "wants credentials: .*"),
        (("--user", "bob", "--password", "wr0ng"), "refused the credentials: .*"),
        (("--token", "wr0ng"), "refused the credentials: .*"),
    ],
)
def test_refused_credentials(
    capsys: pytest.CaptureFixture[str], protected: str, arguments: tuple[str, ...], pattern: str
) -> None:
    """Whether there were some is said."""
    where = protected.removeprefix("nats://")
    fails(capsys, f"the server at {where} {pattern}", "--server", protected, *arguments)


def test_refused_subjects(capsys: pytest.CaptureFixture[str], protected: str) -> None:
    """The server's word on the one that it refuses."""
    login = ("--user", "bob", "--password", "s3cret", "--server", protected, *_SHORT)
    pattern = 'the server refuses to let us listen: .*subscription to "b"'
    fails(capsys, pattern, *login, "a.b", "b")
    fails(capsys, "no message on a.b in .*", *login, "a.b")


def test_the_second_server_is_tried(
    capsys: pytest.CaptureFixture[str], protected: str, server: str
) -> None:
    """One that refuses, or is not there, is not the end."""
    for first in (protected, "127.0.0.1:1"):
        for urls in (f"{first},{server}", f"{server},{first}"):
            fails(capsys, _NOTHING, "--server", urls, *_SHORT)


def test_the_environment_and_a_context_connect(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    protected: str,
) -> None:
    """The variables of the nats command line, and its contexts by name."""
    monkeypatch.setenv("NATS_URL", protected)
    monkeypatch.setenv("NATS_USER", "bob")
    monkeypatch.setenv("NATS_PASSWORD", "s3cret")
    fails(capsys, "no message on a.b in .*", *_SHORT, "a.b")
    for name in ("NATS_URL", "NATS_USER", "NATS_PASSWORD"):
        monkeypatch.delenv(name)
    contexts = tmp_path / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "prod.json").write_text(
        f'{{"url": "{protected}", "user": "bob", "password": "s3cret", "creds": ""}}'
    )
    fails(capsys, "no message on a.b in .*", *_SHORT, "a.b", "--context", "prod")
    monkeypatch.setenv("NATS_CONTEXT", "prod")
    fails(capsys, "no message on a.b in .*", *_SHORT, "a.b")
    fails(capsys, "cannot read the context 'dev': .*", "--context", "dev")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with certificates."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    directory = tmp_path_factory.mktemp("pki")
    certificates(directory)
    return directory


def test_tls(capsys: pytest.CaptureFixture[str], pki: Path) -> None:
    """A CA of one's own, and a client certificate, where the server wants that."""
    ca = ("--tlsca", str(pki / "ca.pem"))
    own = ("--tlscert", str(pki / "client.pem"), "--tlskey", str(pki / "client.key"))
    with tls_server(pki, f'ca_file: "{pki}/ca.pem", verify: true') as url:
        for server in (url, url.replace("nats:", "tls:")):
            to = ("--server", server, *_SHORT)
            fails(capsys, _NOTHING, *to, *ca, *own)
            fails(capsys, "the server at .* wants a client certificate: .*", *to, *ca)
            fails(capsys, "no TLS with the server at .*: its certificate is not .*", *to)


def test_tls_that_the_server_does_not_ask_for(
    capsys: pytest.CaptureFixture[str], pki: Path, protected: str
) -> None:
    """Nothing is sent in the clear where tls:// or --tlsca say that TLS is wanted."""
    pattern = "no TLS with the server at .*: it does not ask for it, .*"
    fails(capsys, pattern, "--server", protected.replace("nats://", "tls://bob:s3cret@"))
    fails(capsys, pattern, "--server", protected, "--tlsca", str(pki / "ca.pem"))


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (("--creds", "/no/file"), "cannot read '/no/file', which --creds or NATS_CREDS names"),
        (("--nkey", "/"), "cannot read '/', which --nkey or NATS_NKEY names"),
        (("--tlscert", __file__), "a client certificate needs both --tlscert and --tlskey"),
        (("--tlsca", __file__), "cannot use the TLS files: .*"),
    ],
)
def test_files_that_are_not_what_they_should_be(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], pattern: str
) -> None:
    """The option and the variable are named."""
    fails(capsys, pattern, *arguments)


def test_an_nkey(
    capsys: pytest.CaptureFixture[str], start_server: StartServer, tmp_path: Path
) -> None:
    """The seed in a file, the right one and another."""
    nkeys: Any = pytest.importorskip("nkeys")
    right, wrong = Key(nkeys, "USER"), Key(nkeys, "USER")
    to = ("--server", start_server(f"authorization {{ users: [ {{nkey: {right.public}}} ] }}"))
    seed = tmp_path / "seed"
    seed.write_bytes(right.seed)
    fails(capsys, _NOTHING, *to, *_SHORT, "--nkey", str(seed))
    seed.write_bytes(wrong.seed)
    fails(capsys, "the server at .* refused the credentials: .*", *to, "--nkey", str(seed))
    seed.write_bytes(b"s3cret")
    fails(capsys, "cannot use the file '.*/seed' of --nkey: .*", *to, "--nkey", str(seed))


def test_credentials_of_an_operator(
    capsys: pytest.CaptureFixture[str], start_server: StartServer, tmp_path: Path
) -> None:
    """A file with JWT and seed, of a user who may not publish, and one that nobody signed."""
    creds = tmp_path / "user.creds"
    configuration, write_strange = operator_mode(pytest.importorskip("nkeys"), creds)
    to = ("--server", start_server(configuration), *_SHORT, "--creds", str(creds))
    fails(capsys, _NOTHING, *to)
    write_strange()
    fails(capsys, "the server at .* refused the credentials: .*", *to)
    creds.write_text("s3cret")
    fails(capsys, "cannot use the file '.*/user.creds' of --creds: .*", *to)
