"""How to connect: from options, the environment, or a context of the ``nats`` command line.

Names of options, variables and entries are those of that command (natscli), so that what works
there works here.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import SplitResult, urlsplit

from .errors import AuditError

DEFAULT_SERVER: Final = "nats://127.0.0.1:4222"
_SCHEMES: Final = ("nats", "tls", "ws", "wss")

VARIABLES: Final = {
    "server": "NATS_URL",
    "creds": "NATS_CREDS",
    "nkey": "NATS_NKEY",
    "user": "NATS_USER",
    "password": "NATS_PASSWORD",
    "token": "NATS_TOKEN",
    "tlsca": "NATS_CA",
    "tlscert": "NATS_CERT",
    "tlskey": "NATS_KEY",
}
"""The environment variable of each option that says how to connect."""

_ENTRIES = {"server": "url", "tlsca": "ca", "tlscert": "cert", "tlskey": "key"}
"""Options that have another name in the file of a context."""

_CREDENTIALS = ("creds", "nkey", "user", "password", "token")
_TLS = ("tlsca", "tlscert", "tlskey")

Options = dict[str, str]


def resolve(
    given: Mapping[str, str | None], environ: Mapping[str, str], context: str | None
) -> Options:
    """Where to connect and how: an option, else the variable, else the context's entry.

    Credentials are taken together from the first of them that has any, and so is TLS.

    Raises:
        AuditError: the context cannot be read.
    """
    layers = [
        {name: given.get(name) for name in VARIABLES},
        {name: environ.get(variable) for name, variable in VARIABLES.items()},
        read_context(context, environ) if context else {},
        {"server": DEFAULT_SERVER},
    ]
    chosen: Options = {}
    for group in (("server",), _CREDENTIALS, _TLS):
        found = [{n: v for n in group if (v := layer.get(n))} for layer in layers]
        chosen |= next(filter(None, found), Options())
    return chosen


def read_context(name: str, environ: Mapping[str, str]) -> dict[str, str | None]:
    """The options of a context that the ``nats`` command line stored.

    Args:
        name: of the context, or a path that ends in ``.json``.
        environ: for ``XDG_CONFIG_HOME`` and ``HOME``.
    """
    path = Path(name)
    if path.suffix != ".json":
        home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~"), ".config")
        path = Path(home, "nats", "context", f"{name}.json").expanduser()
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise AuditError(f"cannot read the context {name!r}: {error}") from error
    if not isinstance(document, dict):
        raise AuditError(f"cannot read the context {name!r}: {path} has no JSON object")
    entries = cast("dict[str, object]", document)
    options = {option: entries.get(_ENTRIES.get(option, option)) for option in VARIABLES}
    return {option: value for option, value in options.items() if isinstance(value, str)}


def servers(options: Options) -> list[str]:
    """The URLs, one or more separated by commas.

    Raises:
        AuditError: one is no URL of a server, or there is none.
    """
    texts = [text.strip() for text in options["server"].split(",") if text.strip()]
    if not texts:
        raise AuditError("--server names no server")
    return [_url(text).geturl() for text in texts]


def _url(text: str) -> SplitResult:
    try:
        url = urlsplit(text if "://" in text else f"nats://{text}")
        port = url.port
    except ValueError:  # its text may have a part of the password
        port, url = None, SplitResult("", "", "", "", "")
    has_more = url.path not in ("", "/") or url.query or url.fragment
    if url.scheme not in _SCHEMES or not url.hostname or has_more:
        raise AuditError(
            f"{text.rpartition('@')[2]!r} is no URL of a server, such as nats://127.0.0.1:4222; "
            "credentials go into options of their own"
        )
    if port is None and url.scheme in ("nats", "tls"):
        return url._replace(netloc=f"{url.netloc.removesuffix(':')}:4222")
    return url


def shown(options: Options) -> str:
    """The servers without the credentials that may be in their URLs."""
    return ", ".join(url.rpartition("@")[2].rpartition("/")[2] for url in servers(options))


def has_credentials(options: Options) -> bool:
    """Whether there are any, in options or in a URL."""
    return any(name in options for name in _CREDENTIALS) or "@" in options["server"]


def arguments(options: Options) -> dict[str, Any]:
    """The keyword arguments of ``nats.connect``.

    Raises:
        AuditError: a file cannot be read, or does not hold what it should.
    """
    options = dict(options)
    for name in ("creds", "nkey", *_TLS):
        if name in options:
            options[name] = os.path.expanduser(options[name])
            _require_readable(name, options[name])
    named = {"user": "user", "password": "password", "token": "token"}
    named |= {"creds": "user_credentials", "nkey": "nkeys_seed"}
    chosen: dict[str, Any] = {named[n]: options[n] for n in _CREDENTIALS if n in options}
    if any(name in options for name in _TLS):
        chosen["tls"] = _tls(options)
    return {"servers": servers(options), **chosen}


def _require_readable(name: str, path: str) -> None:
    if not os.access(path, os.R_OK) or not Path(path).is_file():
        raise AuditError(f"cannot read {path!r}, which --{name} or {VARIABLES[name]} names")


def _tls(options: Options) -> ssl.SSLContext:
    if ("tlscert" in options) != ("tlskey" in options):
        raise AuditError("a client certificate needs both --tlscert and --tlskey")
    try:
        tls = ssl.create_default_context(cafile=options.get("tlsca"))
        if "tlscert" in options:
            tls.load_cert_chain(options["tlscert"], options["tlskey"])
    except (OSError, ssl.SSLError) as error:
        raise AuditError(f"cannot use the TLS files: {error}") from error
    return tls
