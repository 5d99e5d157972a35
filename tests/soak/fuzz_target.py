"""What the fuzz targets share: our modules instrumented, and a parser that shows its branches.

A target is a program: ``python tests/soak/fuzz_codec.py CORPUS -max_total_time=60``. It takes the
options of libFuzzer. An input that breaks an invariant ends it, and is written to a file.
"""

from __future__ import annotations

import json.decoder
import json.scanner
import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).resolve().parents[1]
_PACKAGE = "opentelemetry_instrumentation_nats_payload"

if str(_TESTS) not in sys.path:
    sys.path.insert(0, str(_TESTS))

atheris: Any = import_module("atheris")


def instrumented() -> AbstractContextManager[Any]:
    """Import our modules within, so that the fuzzer sees which branches an input takes."""
    return atheris.instrument_imports(include=[_PACKAGE])


def _guide() -> Any:
    """Python's json, without the part of it that is written in C."""
    decoder: Any = json.JSONDecoder()
    python: Any = json.decoder
    decoder.parse_object = atheris.instrument_func(python.JSONObject)
    decoder.parse_array = atheris.instrument_func(python.JSONArray)
    decoder.parse_string = atheris.instrument_func(python.py_scanstring)
    make_scanner: Any = atheris.instrument_func(vars(json.scanner)["py_make_scanner"])
    decoder.scan_once = make_scanner(decoder)
    return decoder


_decoder = _guide()


def guide(payload: bytes) -> None:
    """Parse with a parser in Python: the branches it takes say how near this is to JSON."""
    with suppress(ValueError, RecursionError):
        _decoder.decode(payload.decode())


def texts(data: bytes, count: int) -> list[str]:
    """``count`` texts: the input, divided at its line ends; the last one has the rest."""
    parts = data.decode(errors="ignore").split("\n", count - 1)
    return parts + [""] * (count - len(parts))


def fuzz(check: Callable[[bytes], None]) -> None:
    """Run ``check`` with inputs until the time is over or one of them fails; never returns."""
    logging.disable(logging.CRITICAL)
    atheris.Setup(sys.argv, atheris.instrument_func(check))
    atheris.Fuzz()
