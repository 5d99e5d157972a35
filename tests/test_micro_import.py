"""``nats.micro`` is instrumented at the first connect after its import, which is not ours."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("nats.micro", reason="this nats-py has no nats.micro")

_BEGIN = """
import sys
from opentelemetry_instrumentation_nats_payload import NATSInstrumentor
NATSInstrumentor().instrument()
assert "nats.micro.service" not in sys.modules
"""
_CONNECT = """
import asyncio, os, nats
async def connect():
    await (await nats.connect(os.environ["NATS_URL"])).close()
asyncio.run(connect())
"""
_IS_WRAPPED = """
from nats.micro.request import Request
print(hasattr(Request.respond, "__wrapped__"))
"""


def _output(url: str, *parts: str) -> str:
    command, environment = [sys.executable, "-c", "".join(parts)], {**os.environ, "NATS_URL": url}
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=25, env=environment
    )
    assert not result.stderr
    return result.stdout.strip()


def test_it_is_instrumented_when_it_is_imported(server: str) -> None:
    """A service that does not use it is not made to load it."""
    assert _output(server, _BEGIN, "import nats.micro", _CONNECT, _IS_WRAPPED) == "True"


def test_it_is_instrumented_at_once_where_it_is_imported_already(server: str) -> None:
    """Whatever comes first."""
    begin = _BEGIN.replace("assert", "").replace('"nats.micro.service" not in sys.modules', "")
    assert _output(server, "import nats.micro", begin, _IS_WRAPPED) == "True"


@pytest.mark.parametrize("again", ["", "NATSInstrumentor().instrument()\n"])
def test_what_was_uninstrumented_before_the_import_is_not_instrumented(
    server: str, again: str
) -> None:
    """Unless it is instrumented again."""
    end = "NATSInstrumentor().uninstrument()\n"
    assert _output(server, _BEGIN, end, again, "import nats.micro", _CONNECT, _IS_WRAPPED) == str(
        bool(again)
    )


def test_uninstrumenting_gives_the_originals_back(server: str) -> None:
    """Also of what came late."""
    end = "NATSInstrumentor().uninstrument()\n"
    assert _output(server, _BEGIN, "import nats.micro", _CONNECT, end, _IS_WRAPPED) == "False"
