"""The command line of ``nats-trace-audit``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence

from .._config import resolve as resolve_settings
from .._subjects import is_pattern
from . import output
from .connection import VARIABLES
from .errors import AuditError

_DESCRIPTION = """\
Listens to subjects and says which messages carry a trace context. It never publishes. Where
SUBJECT is a pattern, * stands for one token and a last > for the rest; without SUBJECT it is
everything. While it listens to a subject, a request that nobody answers waits for its timeout
there instead of failing at once, because there is a subscriber.
"""
_EPILOG = """\
Messages are read as the services read them where the same variables are set here:
OTEL_PYTHON_NATS_PAYLOAD_FIELD, OTEL_PYTHON_NATS_PAYLOAD_FIELD_ALIASES, OTEL_PROPAGATORS,
OTEL_PYTHON_NATS_EXCLUDED_SUBJECTS, OTEL_PYTHON_NATS_SUBJECT_TEMPLATES.

Exit codes: 0; 1 with --fail-under where less carries a context; 2 where nothing could be heard.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_intermixed_args(arguments)
    output.prepare()
    try:
        _check(options)
        return _run(options)
    except AuditError as error:
        output.complain(str(error))
        return 2
    except KeyboardInterrupt:
        output.complain("interrupted")
        return 2


def _run(options: argparse.Namespace) -> int:
    try:
        from .audit import Audit  # noqa: PLC0415 (the extra may be missing)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("nats", "rich"):
            raise
        raise AuditError(
            f"the package {error.name!r} is missing: "
            "pip install 'opentelemetry-instrumentation-nats-payload[audit]'"
        ) from error
    return Audit(options, resolve_settings(), os.environ).run()


def _check(options: argparse.Namespace) -> None:
    if options.follow and options.fail_under is not None:
        raise AuditError("--fail-under is about all messages, and --follow about one trace")
    for subject in (*options.subjects, *options.exclude):
        if not is_pattern(subject) or not _is_utf8(subject):
            raise AuditError(
                f"{subject!r} is no subject: tokens are separated by single dots, * stands alone "
                "for one token, and > alone at the end for the rest"
            )


def _is_utf8(subject: str) -> bool:
    try:
        return bool(subject.encode())
    except UnicodeEncodeError:  # bytes of another encoding, as the shell passed them
        return False


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="nats-trace-audit",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("subjects", nargs="*", metavar="SUBJECT", help="default: >")
    _add_listening(made)
    _add_connection(made.add_argument_group("connection, as of the nats command line"))
    return made


def _add_listening(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add(
        "--seconds",
        type=_positive(float),
        metavar="N",
        help="how long to listen; default: 10, without --messages or --follow",
    )
    add("--messages", type=_positive(int), metavar="N", help="after how many messages to stop")
    add("--json", action="store_true", help="print JSON")
    add(
        "--fail-under",
        type=_percent,
        metavar="PERCENT",
        help="exit with 1 where less of the messages that could carry a context do",
    )
    add("--follow", metavar="TRACE_ID", help="print each message of one trace as it passes")
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="SUBJECT",
        help="leave these subjects out; may be given several times",
    )


def _add_connection(group: argparse._ArgumentGroup) -> None:
    helps = {
        "server": ("URL", "one or more, separated by commas"),
        "creds": ("FILE", "credentials file"),
        "nkey": ("FILE", "file with the seed of an nkey"),
        "user": ("NAME", "user"),
        "password": ("TEXT", "password; better in the variable"),
        "token": ("TEXT", "token; better in the variable"),
        "tlsca": ("FILE", "certificates to trust"),
        "tlscert": ("FILE", "client certificate"),
        "tlskey": ("FILE", "key of the client certificate"),
    }
    for name, (metavar, text) in helps.items():
        group.add_argument(f"--{name}", metavar=metavar, help=f"{text} ({VARIABLES[name]})")
    group.add_argument(
        "--context", metavar="NAME", help="a context of the nats command line (NATS_CONTEXT)"
    )


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError("must be more than 0")
        return value

    read.__name__ = "number"
    return read


def _percent(text: str) -> float:
    value = float(text.removesuffix("%"))
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("must be from 0 to 100")
    return value


_percent.__name__ = "percentage"
