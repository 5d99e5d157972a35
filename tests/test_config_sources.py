"""Every setting by argument, by environment, and by default."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opentelemetry_instrumentation_nats_payload._config import Settings, resolve
from options import (
    BOOLEANS,
    CHOICES,
    DEFAULTS,
    FIELDS,
    LISTS,
    NUMBERS,
    PATTERN_LISTS,
    VARIABLES,
    warnings,
)
from strategies import PROPERTY, patterns

# Of every setting: values in text, and what they mean.
_GOOD: dict[str, list[tuple[str, object]]] = {
    **{name: [(choice, choice) for choice in choices] for name, choices in CHOICES.items()},
    "payload_field": [("trace", "trace"), ("My-field_1.x", "My-field_1.x")],
    "payload_field_aliases": [("a", ("a",)), ("a,b-c,_d.E", ("a", "b-c", "_d.E"))],
    **{
        name: [("a.b", ("a.b",)), ("a.*.b,c.>,>,*", ("a.*.b", "c.>", ">", "*"))]
        for name in PATTERN_LISTS
    },
    **{name: [("true", True), ("false", False)] for name in BOOLEANS},
    "captured_headers": [
        ("x-desk", ("x-desk",)),
        ("X-Desk,Nats-Msg-Id,x_1.b", ("X-Desk", "Nats-Msg-Id", "x_1.b")),
        ("*,!#$%&'+-.^_`|~09", ("*", "!#$%&'+-.^_`|~09")),
    ],
    **{name: [("0", 0), ("1", 1), ("10", 10), ("1048576", 1048576)] for name in NUMBERS},
}


def test_the_defaults(caplog: pytest.LogCaptureFixture) -> None:
    """Without arguments and variables, silently."""
    assert dataclasses.asdict(resolve({}, {})) == DEFAULTS
    assert resolve(None, {}) == Settings()
    assert warnings(caplog) == []
    assert _GOOD.keys() == FIELDS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_by_environment(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """Its own variable sets it, and nothing else; an argument of None is not given."""
    for text, value in _GOOD[name]:
        for arguments in ({}, {name: None}):
            settings = resolve(arguments, {VARIABLES[name]: text})
            assert dataclasses.asdict(settings) == {**DEFAULTS, name: value}
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_by_argument(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """The same text as in the variable, or the value itself."""
    for text, value in _GOOD[name]:
        expected = {**DEFAULTS, name: value}
        assert dataclasses.asdict(resolve({name: text}, {})) == expected
        assert dataclasses.asdict(resolve({name: value}, {})) == expected
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", FIELDS)
def test_an_argument_wins_over_the_environment(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """The variable is not even looked at: a bad one is no warning."""
    for text, value in _GOOD[name]:
        settings = resolve({name: text}, {VARIABLES[name]: "\x00 bad..value*"})
        assert getattr(settings, name) == value
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", FIELDS)
def test_an_empty_variable_is_not_set(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """As the specification of OpenTelemetry wants it."""
    assert getattr(resolve({}, {VARIABLES[name]: ""}), name) == DEFAULTS[name]
    assert warnings(caplog) == []


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the time of the call."""
    monkeypatch.setenv("OTEL_PYTHON_NATS_CARRIER", "both")
    assert resolve().carrier == "both"
    monkeypatch.delenv("OTEL_PYTHON_NATS_CARRIER")
    assert resolve().carrier == "payload"


@pytest.mark.parametrize(("name", "choices"), CHOICES.items())
def test_case_and_blanks_do_not_matter(
    caplog: pytest.LogCaptureFixture, name: str, choices: tuple[str, ...]
) -> None:
    """Of the settings that are one of a few words."""
    for choice in choices:
        for text in (choice.upper(), choice.title(), f"  {choice}\t", f"\n{choice.upper()} "):
            assert getattr(resolve({}, {VARIABLES[name]: text}), name) == choice
            assert getattr(resolve({name: text}, {}), name) == choice
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_one_whatever_its_spelling(
    caplog: pytest.LogCaptureFixture, name: str, value: bool
) -> None:
    """Case and blanks do not matter, and the setting is never the text."""
    word = str(value)
    for text in (word, word.lower(), word.upper(), word.swapcase(), f" {word}\t", f"\n{word} "):
        assert getattr(resolve({}, {VARIABLES[name]: text}), name) is value
        assert getattr(resolve({name: text}, {}), name) is value
    assert getattr(resolve({name: value}, {}), name) is value
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_argument_wins_over_the_environment(
    caplog: pytest.LogCaptureFixture, name: str, value: bool
) -> None:
    """False is a value like True; only None is not given."""
    environ = {VARIABLES[name]: str(not value)}
    assert getattr(resolve({name: value}, environ), name) is value
    assert getattr(resolve({name: str(value)}, environ), name) is value
    assert getattr(resolve({name: None}, environ), name) is not value
    assert getattr(resolve({name: None}, {}), name) is DEFAULTS[name]
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_one_whatever_its_spelling(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """Blanks and leading zeros do not matter, and the setting is never the text."""
    spellings: list[object] = ["10", " 10 ", "\t10\n", "010", "0000000010", 10]
    for spelling in spellings:
        value = getattr(resolve({name: spelling}, {}), name)
        assert (type(value), value) == (int, 10)
        value = getattr(resolve({}, {VARIABLES[name]: str(spelling)}), name)
        assert (type(value), value) == (int, 10)
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_an_argument_wins_over_the_environment(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """0 is a value like any other; only None is not given."""
    environ = {VARIABLES[name]: "7"}
    for value in (0, 1, 10**20):
        assert getattr(resolve({name: value}, environ), name) == value
        assert getattr(resolve({name: str(value)}, environ), name) == value
    assert getattr(resolve({name: None}, environ), name) == 7
    assert getattr(resolve({name: None}, {}), name) == DEFAULTS[name]
    assert warnings(caplog) == []


def test_case_matters_where_it_does_in_nats_and_json(caplog: pytest.LogCaptureFixture) -> None:
    """Subjects, field and header names are taken as they are, without the blanks around them."""
    settings = resolve(
        {
            "payload_field": " Trace ",
            "excluded_subjects": [" A.b ", "\ta.B\n"],
            "captured_headers": " X-Desk , x-desk",
        },
        {},
    )
    assert settings.captured_headers == ("X-Desk", "x-desk")
    assert settings.payload_field == "Trace"
    assert settings.excluded_subjects == ("A.b", "a.B")
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", LISTS)
def test_a_list_in_text_is_separated_by_commas(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """With blanks around the items, and nothing between two commas."""
    for text in ("a,b", " a , b ", ",a,,b,", "a,\n b , "):
        assert getattr(resolve({}, {VARIABLES[name]: text}), name) == ("a", "b")
        assert getattr(resolve({name: text}, {}), name) == ("a", "b")
    assert warnings(caplog) == []


_ITERABLES: list[Callable[[list[str]], object]] = [list, tuple, iter, dict[str, None].fromkeys]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_may_be_any_iterable(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """The setting is a tuple of its items, in order."""
    for make in _ITERABLES:
        assert getattr(resolve({name: make(["b", "a"])}, {}), name) == ("b", "a")
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_is_a_value(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """As an argument it means none at all, whatever the environment and the default."""
    nothing: list[object] = [[], (), "", " , "]
    for empty in nothing:
        assert getattr(resolve({name: empty}, {VARIABLES[name]: "a"}), name) == ()
    assert warnings(caplog) == []


@PROPERTY
@given(st.lists(patterns, min_size=1, max_size=5))
def test_any_patterns_are_taken_in_order(several: list[str]) -> None:
    """As a list or as text."""
    assert resolve({"subject_templates": several}, {}).subject_templates == tuple(several)
    settings = resolve({}, {VARIABLES["subject_templates"]: ",".join(several)})
    assert settings.subject_templates == tuple(several)


@PROPERTY
@given(st.integers(min_value=0))
def test_any_whole_number_is_taken(number: int) -> None:
    """As itself or as text."""
    assert resolve({"captured_body_bytes": number}, {}).captured_body_bytes == number
    environ = {VARIABLES["captured_body_bytes"]: str(number)}
    assert resolve({}, environ).captured_body_bytes == number
