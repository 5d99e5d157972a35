"""What holds for every payload, subject and setting. A broken one is an AssertionError.

Shared by the property tests and the coverage-guided runs. An error that our guard would report
leaves here, too.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from codec import BACKENDS, CARRIER, DOCUMENT, using
from opentelemetry_instrumentation_nats_payload import _guard, _json
from opentelemetry_instrumentation_nats_payload._ack_subject import parse_ack_subject
from opentelemetry_instrumentation_nats_payload._config import resolve
from opentelemetry_instrumentation_nats_payload._payload import Member, PayloadField, Slot
from opentelemetry_instrumentation_nats_payload._settings import Settings
from opentelemetry_instrumentation_nats_payload._subjects import (
    SubjectRules,
    has_wildcard,
    is_pattern,
    matcher,
)
from opentelemetry_instrumentation_nats_payload._telemetry import Telemetry
from oracle import FIELD, Pairs, carrier_in, is_one_object, last_value, parse, without

MAX_DEPTH = 200
"""Where parsers give up differs between them, and from one interpreter to another."""

_MAX_CUTS = 16


def _field_with(backend: ModuleType) -> PayloadField:
    with using(backend) as field:
        return field


_FIELDS = {backend: _field_with(backend) for backend in BACKENDS}


@contextmanager
def strictly(backend: ModuleType = BACKENDS[0]) -> Generator[None, None, None]:
    """With one of the JSON backends, and without the guard: what it would report is raised."""

    def leave(what: str, error: BaseException, *_: object) -> None:
        raise AssertionError(what) from error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "_backend", backend)
        patch.setattr(_guard, "report", leave)
        yield


def depth_bound(payload: bytes) -> int:
    """At least the depth to which ``payload`` is nested."""
    return payload.count(b"[") + payload.count(b"{")


# --- the codec ----------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """All that the codec does with a payload."""

    member: Member | None
    slot: Slot | None
    filled: bytes | None
    cut: bytes | None
    refound: Member | None
    restored: bytes | None


def _outcome(field: PayloadField, payload: bytes) -> Outcome:
    member = field.find(payload)
    slot = field.slot(payload, member)
    cut = None if member is None else field.cut(payload, member)
    if slot is None:
        return Outcome(member, None, None, cut, None, None)
    filled = slot.fill(payload, DOCUMENT)
    assert len(filled) == slot.filled_size(payload, DOCUMENT)
    refound = field.find(filled)
    assert refound is not None
    return Outcome(member, slot, filled, cut, refound, field.cut(filled, refound))


def check_payload(payload: bytes) -> None:
    """The codec and Python's json agree on ``payload``, with both backends."""
    outcomes: list[Outcome] = []
    for backend, field in _FIELDS.items():
        with strictly(backend):
            outcomes.append(_outcome(field, payload))
    if depth_bound(payload) > MAX_DEPTH:
        return
    assert all(outcome == outcomes[0] for outcome in outcomes), outcomes
    if is_one_object(payload):
        _check_object(payload, outcomes[0])
    else:
        assert outcomes[0] == (None,) * 6


def _check_object(payload: bytes, outcome: Outcome) -> None:
    value = last_value(payload)
    if outcome.member is None:
        assert value is None
        _check_splice(payload, outcome)
        return
    start, value_start, end, carrier = outcome.member
    assert payload[value_start:end] == value
    [(name, parsed)] = parse(b"{" + payload[start:end] + b"}").items
    assert name == FIELD
    assert carrier == carrier_in(parsed, end - value_start)
    if carrier is None:
        assert outcome == (outcome.member, None, None, payload, None, None)
    else:
        _check_replacement(payload, outcome, outcome.member)


def _check_splice(payload: bytes, outcome: Outcome) -> None:
    """One pair more, the last one; every byte stays, and it comes out again."""
    assert outcome.filled is not None
    brace = payload.rindex(b"}")
    assert outcome.filled.startswith(payload[:brace])
    assert outcome.filled.endswith(payload[brace:])
    *others, last = parse(outcome.filled).items
    assert (others, last) == (parse(payload).items, (FIELD, Pairs(list(CARRIER.items()))))
    assert outcome.refound is not None
    assert outcome.refound.carrier == CARRIER
    assert (outcome.cut, outcome.restored) == (None, payload)


def _check_replacement(payload: bytes, outcome: Outcome, member: Member) -> None:
    """The value goes, and nothing else; without the member the rest is the same."""
    assert outcome.slot == (member.value_start, member.end, b"")
    assert outcome.filled == payload[: member.value_start] + DOCUMENT + payload[member.end :]
    assert outcome.refound is not None
    assert outcome.refound.carrier == CARRIER
    for before, after in ((payload, outcome.cut), (outcome.filled, outcome.restored)):
        assert before is not None
        assert after is not None
        check_cut(before, after)


def check_cut(before: bytes, after: bytes) -> None:
    """For a parser one to 16 fields went, the last ones, that were carriers; nothing was added."""
    assert len(after) < len(before)
    assert is_subsequence(after, before)
    old, new = parse(before), parse(after)
    assert without(new) == without(old)
    had, has = ([v for k, v in parsed.items if k == FIELD] for parsed in (old, new))
    assert had[: len(has)] == has
    assert 1 <= len(had) - len(has) <= _MAX_CUTS


def is_subsequence(part: bytes, whole: bytes) -> bool:
    """Whether ``part`` is ``whole`` with some bytes left out."""
    rest = iter(whole)
    return all(byte in rest for byte in part)


# --- subjects -----------------------------------------------------------------------------------


def _matches(pattern: list[str], subject: list[str]) -> bool:
    """By the first tokens, then by what is left."""
    if not pattern or not subject:
        return not pattern and not subject
    if pattern == [">"]:
        return True
    return pattern[0] in ("*", subject[0]) and _matches(pattern[1:], subject[1:])


def check_subject(pattern: str, subject: str) -> None:
    """A pattern that is one matches token by token; any text can be asked about."""
    with strictly():
        for reply in (subject, f"$JS.ACK.{subject}"):
            delivery = parse_ack_subject(reply) or ()
            # An exporter can send no others.
            assert all(number < 2**63 for number in delivery if isinstance(number, int))
        rules = SubjectRules() if not is_pattern(pattern) else SubjectRules([pattern])
        assert rules.classify(subject) == rules.classify(subject)
        if not is_pattern(pattern) or not is_pattern(subject) or has_wildcard(subject):
            return
        is_match = _matches(pattern.split("."), subject.split("."))
        assert matcher([pattern])(subject) == is_match
        assert matcher(["x.y", pattern, "z"])(subject) == (is_match or subject in ("x.y", "z"))
        assert has_wildcard(pattern) or is_match == (pattern == subject)


# --- settings -----------------------------------------------------------------------------------


def check_settings(arguments: Mapping[str, object], environ: Mapping[str, str]) -> None:
    """Whatever is given, there are settings, they are good, and messages can be sent with them."""
    with strictly():
        settings = resolve(arguments, environ)
        _check_fields(settings)
        telemetry = Telemetry(settings)
        telemetry.rules.classify("a.b.c")
        slot = telemetry.field.slot(b'{"a":1}', None)
        assert slot is not None
        filled = slot.fill(b'{"a":1}', DOCUMENT)
        assert json.loads(filled) == {"a": 1, settings.payload_field: CARRIER}
        member = telemetry.field.find(filled)
        assert member is not None
        assert member.carrier == CARRIER
        assert telemetry.field.cut(filled, member) == b'{"a":1}'


def _check_fields(settings: Settings) -> None:
    assert settings.carrier in ("payload", "headers", "both", "auto")
    assert settings.consumed_field in ("refresh", "keep", "strip")
    assert settings.consumer_parent in ("message", "link")
    assert settings.follow_handoff in ("off", "message", "queue", "all")
    names = (settings.payload_field, *settings.payload_field_aliases)
    assert all(json.loads(f'"{name}"') == name and name for name in names)
    patterns: tuple[Any, ...] = (
        *settings.excluded_subjects,
        *settings.propagate_only_subjects,
        *settings.subject_templates,
    )
    assert all(is_pattern(pattern) for pattern in patterns)
    assert settings.captured_body_bytes >= 0
    for name in ("continue_received", "propagate_replies", "settle_spans", "metrics"):
        assert getattr(settings, name) in (True, False)
