"""What holds for every payload, journey, subject and setting: see ``invariants``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from codec import BACKENDS
from conftest import CARRIERS
from corner_wire import cases
from damaged import mutated_objects, not_objects, token_soup
from invariants import (
    check_payload,
    check_settings,
    check_subject,
    depth_bound,
    is_subsequence,
)
from journeys import NO_LIMIT, Journey
from opentelemetry_instrumentation_nats_payload import environment_variables
from options import FIELDS, LOGGER, VARIABLES
from strategies import PROPERTY, any_objects, patterns, subjects

_payloads = any_objects | not_objects | mutated_objects() | token_soup | st.binary(max_size=40)
_MODES = ["refresh", "keep", "strip"]
_SMALL = 20_000

_header_names = st.sampled_from(
    ["traceparent", "Traceparent", "TRACESTATE", "baggage", "X-Id", "Nats-Msg-Id", "a b", "", " a "]
)
_header_values = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["00-" + "1" * 32 + "-" + "2" * 16 + "-01", "00-0-0-00", "a=1", ",,,", "place=%zz", "x" * 9000]
)
headers = st.none() | st.dictionaries(_header_names, _header_values, max_size=4)


@PROPERTY
@given(_payloads)
def test_the_codec_agrees_with_the_parser_on_any_payload(payload: bytes) -> None:
    """Found, filled and cut as the parser says, the same with both backends; or untouched."""
    check_payload(payload)


def test_the_codec_agrees_with_the_parser_on_corner_cases() -> None:
    """Those that are small enough for the slow oracle."""
    payloads = [case.payload for case in cases() if len(case.payload) < _SMALL]
    assert len(payloads) > 400
    for payload in payloads:
        check_payload(payload)


@PROPERTY
@given(
    patterns | st.text(max_size=6),
    subjects | st.text(max_size=6) | st.from_regex(r"[.*>$ \n0-9a-z]{0,9}", fullmatch=True),
)
@example("*", "a.b")
@example(">", "s.c.1." + "9" * 25 + ".1.1.1")
@example(">", "s.c.1." + "9" * 5000 + ".1.1.1")
def test_any_text_can_be_a_subject(pattern: str, subject: str) -> None:
    """Matched token by token if both are good, and without an error if not."""
    check_subject(pattern, subject)


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
_words = st.sampled_from(
    [
        "payload",
        " KEEP ",
        "true",
        "False",
        "0",
        "-1",
        "9" * 5000,
        "a.*.>",
        "a,b",
        ",",
        "*",
        "_x",
        "é",
    ]
)
_values: st.SearchStrategy[Any] = st.one_of(
    _texts,
    _words,
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=5)),
    *(st.lists(_texts | _words | st.integers(), max_size=4), st.just(object())),
)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Complaints about settings are not of interest."""
    logging.getLogger(LOGGER).setLevel(logging.CRITICAL)
    yield
    logging.getLogger(LOGGER).setLevel(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
@PROPERTY
@given(
    st.dictionaries(st.sampled_from(sorted(FIELDS)), _values, max_size=5),
    st.dictionaries(st.sampled_from(sorted(VARIABLES.values())), _texts | _words, max_size=5),
)
def test_any_value_can_be_a_setting(arguments: dict[str, object], environ: dict[str, str]) -> None:
    """Good settings come of it, and a message can be written and read with them."""
    assert all(hasattr(environment_variables, name) for name in environ)
    check_settings(arguments, environ)


class MessageMachine(RuleBasedStateMachine):
    """Services that publish, consume and publish again, in any order and with any setting."""

    @initialize(payload=_payloads, headers=headers, backend=st.sampled_from(BACKENDS))
    def start(self, payload: bytes, headers: dict[str, str] | None, backend: Any) -> None:
        """The first application."""
        self.journey = Journey(payload, headers, backend)

    @rule(
        carrier=st.sampled_from(CARRIERS),
        room=st.sampled_from([None, None, 0, 60, 95, 96, 130, 300]),
        with_baggage=st.booleans(),
    )
    def publish(self, carrier: Any, room: int | None, with_baggage: bool) -> None:
        """With much room or little."""
        limit = NO_LIMIT if room is None else len(self.journey.payload) + room
        self.journey.publish(carrier, limit=limit, with_baggage=with_baggage)

    @rule(mode=st.sampled_from(_MODES))
    def consume(self, mode: Any) -> None:
        """With each setting."""
        self.journey.consume(mode)


TestMessages: Any = MessageMachine.TestCase
TestMessages.settings = settings(PROPERTY, stateful_step_count=12)


def test_the_checks_can_fail() -> None:
    """A checker that accepts everything would prove nothing."""
    assert is_subsequence(b"ac", b"abc")
    assert not is_subsequence(b"ca", b"abc")
    assert depth_bound(b'{"a":[[{}]]}') == 4
    with pytest.raises(AssertionError):
        Journey(b"[1]")._check_replaced(b"[2]")
    with pytest.raises(AssertionError):
        Journey(b'{"a":1}')._check_replaced(b'{"a":2}')
