"""CPU time of the payload codec alone: ``python -m benchmarks.codec``."""

from __future__ import annotations

from collections.abc import Callable
from timeit import Timer

from opentelemetry_instrumentation_nats_payload._json import as_object, encode_carrier
from opentelemetry_instrumentation_nats_payload._payload import PayloadField

from .documents import encode, make_document

_SIZES = (200, 1024, 16 * 1024, 1024 * 1024)
_REPEATS = 7
_SECONDS_PER_REPEAT = 0.01
_FIELD = PayloadField("_otel_trace_headers")
_CARRIER = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


def main() -> None:
    """Print the microseconds of each operation at each payload size."""
    columns = [_operations(size) for size in _SIZES]
    print("microseconds, the least of repeated measurements\n")
    print(f"{'payload bytes':<36}" + "".join(f"{size:>10}" for size in _SIZES))
    for name in columns[0]:
        times = "".join(f"{_microseconds(column[name]):>10.2f}" for column in columns)
        print(f"{name:<36}{times}", flush=True)


def _operations(size: int) -> dict[str, Callable[[], object]]:
    document = make_document(size)
    payload = encode(document)
    spliced = _injected(payload)
    leading = encode({_FIELD.name: _CARRIER, **document})
    member = _FIELD.find(spliced)
    first = _FIELD.find(leading)
    assert member is not None
    assert first is not None
    return {
        "find, no field": lambda: _FIELD.find(payload),
        "find, field spliced in by us": lambda: _FIELD.find(spliced),
        "find, field first": lambda: _FIELD.find(leading),
        "as_object": lambda: as_object(payload),
        "slot": lambda: _FIELD.slot(payload, None),
        "inject (slot, encode, fill)": lambda: _injected(payload),
        "cut, field spliced in by us": lambda: _FIELD.cut(spliced, member),
        "cut, field first": lambda: _FIELD.cut(leading, first),
    }


def _injected(payload: bytes) -> bytes:
    slot = _FIELD.slot(payload, None)
    carrier = encode_carrier(_CARRIER)
    assert slot is not None
    assert carrier is not None
    return slot.fill(payload, carrier)


def _microseconds(operation: Callable[[], object]) -> float:
    timer = Timer(operation)
    number = max(1, int(_SECONDS_PER_REPEAT / max(timer.timeit(1), 1e-7)))
    return min(timer.repeat(_REPEATS, number)) / number * 1e6


if __name__ == "__main__":
    main()
