"""One run of the command: listen, count, report."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Mapping

from nats.aio.msg import Msg
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.propagate import get_global_textmap
from rich.console import Console

from .._instrumentor import NATSInstrumentor
from .._settings import Settings
from . import connection, output
from .errors import AuditError
from .finding import Finding, Reader
from .heard import Heard
from .hops import Hops, trace_id
from .listening import Listener
from .progress import progress
from .report import Rows, as_json, notes, print_table
from .subject_tree import SubjectTree
from .tally import Tally, percent

_DEFAULT_SECONDS = 10.0
_WIDTH = 160
"""Columns of the table where there is no terminal."""


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
            self._hops = Hops(trace_id(options.follow), output.write, as_json=options.json)

    def run(self) -> int:
        """Listen, and report; returns the exit code.

        Raises:
            AuditError: there is nothing to report.
        """
        if NATSInstrumentor().is_instrumented_by_opentelemetry:
            NATSInstrumentor().uninstrument()  # started by opentelemetry-instrument
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # of connections that failed
        with suppress_instrumentation():
            listener = asyncio.run(self._listen())
        return self._report(listener.heard)

    async def _listen(self) -> Listener:
        listener = Listener(self._subjects, self._excluded, self._look)
        heard = listener.heard

        def state() -> tuple[int, float | None, float]:
            return self._total.messages, self._total.share, heard.seconds

        with progress(state, is_shown=self._hops is None) as tick:
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

    def _report(self, heard: Heard) -> int:
        rows = self._tree.rows()
        if self._hops is None and self._options.json:
            output.write(as_json(rows, self._total, heard))
        elif self._hops is None and rows:
            output.write(self._page(rows, heard))
        elif self._hops is not None and self._total.messages:
            for note in notes(heard):
                output.complain(note)
        if not self._total.messages:
            raise AuditError(" ".join((self._nothing(heard), *notes(heard))))
        return self._verdict()

    def _page(self, rows: Rows, heard: Heard) -> str:
        page = output.Page()
        console = Console(file=page, width=None if page.isatty() else _WIDTH)
        print_table(console, rows, self._total, heard)
        return str(page)

    def _nothing(self, heard: Heard) -> str:
        what = "message of this trace" if self._hops else "message"
        return f"no {what} on {', '.join(self._subjects)} in {heard.seconds:.1f} s."

    def _verdict(self) -> int:
        wanted, share = self._options.fail_under, self._total.share
        if wanted is None or (share is not None and share >= wanted):
            return 0
        if share is None:
            output.complain("no message could carry a context")
        else:
            could = "of the messages that could carry a context do"
            output.complain(f"{percent(share)} {could}, which is under {wanted:g} %")
        return 1
