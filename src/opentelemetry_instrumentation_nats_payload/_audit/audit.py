"""One run of the command: listen, count, report."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping

from nats.aio.msg import Msg
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.propagate import get_global_textmap
from rich.console import Console

from .._instrumentor import NATSInstrumentor
from .._settings import Settings
from . import connection
from .errors import AuditError
from .finding import Finding, Reader
from .hops import Hops, trace_id
from .listening import Listener
from .progress import progress
from .report import as_json, print_table
from .subject_tree import SubjectTree
from .tally import Tally, percent

_DEFAULT_SECONDS = 10.0


class Audit:
    """What the options ask for.

    Args:
        options: of the command line, checked.
        settings: of the instrumentation, as the services have them.
        environ: for how to connect.
    """

    def __init__(
        self, options: argparse.Namespace, settings: Settings, environ: Mapping[str, str]
    ) -> None:
        self._options = options
        context = options.context or environ.get("NATS_CONTEXT")
        self._connection = connection.resolve(vars(options), environ, context)
        self._excluded = (*settings.excluded_subjects, *options.exclude)
        self._subjects = options.subjects or [">"]
        self._reader = Reader(
            settings.payload_field, settings.payload_field_aliases, get_global_textmap()
        )
        self._tree = SubjectTree(settings.subject_templates)
        self._total = Tally()
        self._hops: Hops | None = None
        if options.follow:
            self._hops = Hops(trace_id(options.follow), _print, as_json=options.json)

    def run(self) -> int:
        """Listen, and report; returns the exit code.

        Raises:
            AuditError: there is nothing to report.
        """
        if NATSInstrumentor().is_instrumented_by_opentelemetry:
            NATSInstrumentor().uninstrument()  # started by opentelemetry-instrument
        with suppress_instrumentation():
            listener = asyncio.run(self._listen())
        return self._report(listener)

    async def _listen(self) -> Listener:
        listener = Listener(self._subjects, self._excluded, self._look)
        heard = listener.heard

        def state() -> tuple[int, float | None, float]:
            return self._total.messages, self._total.share, heard.seconds

        with progress(state) as tick:
            await listener.listen(self._connection, self._seconds(), tick)
        return listener

    def _seconds(self) -> float | None:
        is_open = self._options.messages or self._options.follow
        return self._options.seconds or (None if is_open else _DEFAULT_SECONDS)

    def _look(self, message: Msg) -> bool:
        finding = self._reader.read(message.data, message.headers)
        if self._hops is None:
            self._count(message.subject, finding)
        elif self._hops.look(message.subject, len(message.data), finding):
            self._total.add(finding)
        return self._total.messages == self._options.messages

    def _count(self, subject: str, finding: Finding) -> None:
        self._total.add(finding)
        self._tree.tally(subject).add(finding)

    def _report(self, listener: Listener) -> int:
        heard, rows = listener.heard, self._tree.rows()
        if self._hops is None and self._options.json:
            _print(as_json(rows, self._total, heard))
        elif self._hops is None and rows:
            print_table(_console(), rows, self._total, heard)
        if not self._total.messages:
            what = "message of this trace" if self._hops else "message"
            subjects = ", ".join(self._subjects)
            raise AuditError(f"no {what} on {subjects} in {heard.seconds:.1f} s")
        return self._verdict()

    def _verdict(self) -> int:
        wanted, share = self._options.fail_under, self._total.share
        if wanted is None or (share is not None and share >= wanted):
            return 0
        text = f"{percent(share)} of the messages that could carry a context do, not {wanted:g} %"
        print(f"nats-trace-audit: {text}", file=sys.stderr)  # noqa: T201
        return 1


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=160)
