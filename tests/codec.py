"""What the tests of the codec share: names, a carrier, and the codec with each JSON backend."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType

import pytest

from opentelemetry_instrumentation_nats_payload import _json, _json_stdlib, _payload
from opentelemetry_instrumentation_nats_payload._payload import PayloadField
from opentelemetry_instrumentation_nats_payload._splice import Member
from oracle import FIELD

# One, where there is no msgspec for this interpreter.
BACKENDS: list[ModuleType] = list({_json._backend: 0, _json_stdlib: 0})

NAME = FIELD.encode()
K = b'"%b"' % NAME
ESCAPED = b'"\\u005fotel_trace\\u005Fheaders"'
ALL_ESCAPED = '"{}"'.format("".join(f"\\u{ord(c):04X}" for c in FIELD)).encode()

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CARRIER = {"traceparent": TRACEPARENT}
DOCUMENT = b'{"traceparent":"%b"}' % TRACEPARENT.encode()
SPLICED = K + b":" + DOCUMENT


@contextmanager
def using(backend: ModuleType, name: str = FIELD) -> Generator[PayloadField, None, None]:
    """The codec for the field ``name``, with ``backend`` in place of the one that was chosen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "_backend", backend)
        patch.setattr(_payload, "ValueReader", backend.ValueReader)
        yield PayloadField(name)


def find(field: PayloadField, payload: bytes) -> Member:
    """The member that has to be there."""
    member = field.find(payload)
    assert member is not None
    return member


def fill(field: PayloadField, payload: bytes, document: bytes = DOCUMENT) -> bytes:
    """``payload`` with the document where it goes, in place of what is there."""
    slot = field.slot(payload, field.find(payload))
    assert slot is not None
    filled = slot.fill(payload, document)
    assert len(filled) == slot.filled_size(payload, document)
    return filled


def cut(field: PayloadField, payload: bytes) -> bytes:
    """``payload`` without the field that it has."""
    return field.cut(payload, find(field, payload))


def read(field: PayloadField, payload: bytes) -> dict[str, str] | None:
    """The carrier in ``payload``."""
    return find(field, payload).carrier


def assert_invalid(field: PayloadField, payload: bytes) -> None:
    """What is not one JSON object has no field and takes none."""
    assert field.find(payload) is None
    assert field.slot(payload, None) is None


def assert_left_alone(field: PayloadField, payload: bytes) -> None:
    """The member is there, but the application's own: neither written to nor cut."""
    member = find(field, payload)
    assert member.carrier is None
    assert field.slot(payload, member) is None
    assert field.cut(payload, member) is payload


def assert_absent(field: PayloadField, payload: bytes) -> None:
    """There is no member: one goes in, is read, and comes out to the byte."""
    assert field.find(payload) is None
    filled = fill(field, payload)
    assert read(field, filled) == CARRIER
    assert cut(field, filled) == payload
