"""What users show to a server: certificates made by openssl, nkeys, and signed JWTs."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nats_server import bundled_server

_SECONDS = 15.0


def certificates(directory: Path) -> None:
    """Write ``ca``, ``server`` and ``client`` as ``.pem`` and ``.key``; the CA signs the others."""
    _openssl(
        directory,
        "ca",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=keyCertSign",
    )
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=CA:FALSE")
    _openssl(directory, "server", *signed, "-addext", "subjectAltName=IP:127.0.0.1")
    _openssl(directory, "client", *signed)


def _openssl(directory: Path, name: str, *more: str) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
    command = ["openssl", "req", "-x509", "-days", "2", "-subj", f"/CN={name}", *key, *files, *more]
    subprocess.run(command, check=True, cwd=directory, capture_output=True, timeout=_SECONDS)


@contextmanager
def tls_server(directory: Path, options: str = "") -> Generator[str]:
    """Run a nats-server that takes nobody without TLS; yields its URL.

    Args:
        directory: holds its certificate.
        options: further lines for the ``tls`` of its configuration.
    """
    config = directory / "nats-server.conf"
    files = f'cert_file: "{directory}/server.pem", key_file: "{directory}/server.key"'
    config.write_text(f'listen: "127.0.0.1:-1"\ntls {{ {files}\n{options} }}\n')
    command = [bundled_server(), "-c", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr as log:
        try:
            listens = "Listening for client connections on "
            yield "nats://" + next(line for line in log if listens in line).split()[-1]
        finally:
            process.terminate()
            process.wait(_SECONDS)


class Key:
    """A key pair of nkeys.

    Args:
        nkeys: the package.
        kind: the name of its constant for the kind of key.
    """

    def __init__(self, nkeys: Any, kind: str) -> None:
        self.seed = bytes(nkeys.encode_seed(os.urandom(32), getattr(nkeys, f"PREFIX_BYTE_{kind}")))
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public = bytes(self._pair.public_key).decode()

    def token(self, subject: Key, kind: str) -> str:
        """A JWT about ``subject``, signed with this key."""
        names = {"iss": self.public, "sub": subject.public, "jti": "J", "name": kind}
        claims = {**names, "iat": 1, "nats": {"type": kind, "version": 2, **_LIMITS.get(kind, {})}}
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        text = b".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
        return b".".join((text, _base64(self._pair.sign(text)))).decode()


_LIMITS: dict[str, dict[str, Any]] = {
    "account": {"limits": {"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1}},
    "user": {"subs": -1, "data": -1, "payload": -1, "pub": {"deny": [">"]}, "sub": {}},
}


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def operator_mode(nkeys: Any, creds: Path) -> tuple[str, Callable[[], None]]:
    """The configuration of a server that trusts an operator; a user's credentials go to ``creds``.

    What is returned with it writes those of a user of another operator there.
    """
    operator, account, system, user, stranger = (
        Key(nkeys, kind) for kind in ("OPERATOR", "ACCOUNT", "ACCOUNT", "USER", "ACCOUNT")
    )

    def write(signer: Key) -> None:
        creds.write_text(
            f"-----BEGIN NATS USER JWT-----\n{signer.token(user, 'user')}\n"
            "------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n"
            "------END USER NKEY SEED------\n"
        )

    write(account)
    configuration = (
        f"operator: {operator.token(operator, 'operator')}\nresolver: MEMORY\n"
        f"system_account: {system.public}\nresolver_preload {{\n"
        f"  {account.public}: {operator.token(account, 'account')}\n"
        f"  {system.public}: {operator.token(system, 'account')}\n}}\n"
    )
    return configuration, lambda: write(stranger)
