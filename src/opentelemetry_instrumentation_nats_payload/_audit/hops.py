"""The hops of one trace, printed as its messages pass."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

from opentelemetry.trace import format_span_id, format_trace_id

from .errors import AuditError
from .finding import CARRYING, Finding
from .output import printable

_TRACE_ID = re.compile(r"(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?")


def trace_id(text: str) -> int:
    """The trace id in ``text``: 32 hexadecimal digits, alone or in a ``traceparent``.

    Raises:
        AuditError: it is none.
    """
    match = _TRACE_ID.fullmatch(text.strip().lower())
    if match is None or not int(match.group(1), 16):
        raise AuditError(f"{text!r} is no trace id: 32 hexadecimal digits, not all zero")
    return int(match.group(1), 16)


class Hops:
    """Prints one line for each message of a trace.

    Args:
        wanted: the trace id.
        as_json: whether a line is a JSON object.
        write: takes a line.
    """

    def __init__(self, wanted: int, write: Callable[[str], None], *, as_json: bool) -> None:
        self.count = 0
        self._wanted = wanted
        self._as_json = as_json
        self._write = write
        self._started = 0.0

    def look(self, subject: str, size: int, finding: Finding) -> bool:
        """Whether the message belongs to the trace; it is printed then."""
        if finding.source not in CARRYING or finding.span_context.trace_id != self._wanted:
            return False
        now = time.monotonic()
        self._started = self._started or now
        self.count += 1
        hop = self._hop(subject, size, finding, now - self._started)
        self._write(json.dumps(hop) if self._as_json else _line(hop))
        return True

    def _hop(self, subject: str, size: int, finding: Finding, seconds: float) -> dict[str, Any]:
        return {
            "seconds": round(seconds, 6),
            "subject": subject,
            "source": finding.source,
            "trace_id": format_trace_id(self._wanted),
            "span_id": format_span_id(finding.span_context.span_id),
            "sampled": finding.span_context.trace_flags.sampled,
            "bytes": size,
        }


def _line(hop: dict[str, Any]) -> str:
    sampled = "sampled" if hop["sampled"] else "not sampled"
    return (
        f"+{hop['seconds']:.3f} s  {printable(hop['subject'])}  sent by span {hop['span_id']}"
        f"  in {hop['source']}  {sampled}  {hop['bytes']:,} bytes"
    )
