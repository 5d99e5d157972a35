"""Every setting, by argument, environment and declarative configuration, good and bad."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opentelemetry_instrumentation_nats_payload import environment_variables
from opentelemetry_instrumentation_nats_payload._config import (
    NATSConfiguration,
    Settings,
    resolve,
)
from strategies import PROPERTY, patterns

_LOGGER = "opentelemetry_instrumentation_nats_payload"
_FIELDS = {setting.name: setting for setting in dataclasses.fields(Settings)}
_VARIABLES = {name: f"OTEL_PYTHON_NATS_{name.upper()}" for name in _FIELDS}
_DEFAULTS: dict[str, object] = {
    "carrier": "payload",
    "payload_field": "_otel_trace_headers",
    "payload_field_aliases": ("_otel_trace_context",),
    "consumed_field": "refresh",
    "excluded_subjects": (),
    "propagate_only_subjects": (),
    "subject_templates": (),
    "consumer_parent": "message",
}
_CHOICES = {
    "carrier": ("payload", "headers", "both", "auto"),
    "consumed_field": ("refresh", "keep", "strip"),
    "consumer_parent": ("message", "link"),
}
_PATTERN_LISTS = ("excluded_subjects", "propagate_only_subjects", "subject_templates")
_LISTS = ("payload_field_aliases", *_PATTERN_LISTS)
_TEXTS = tuple(name for name in _FIELDS if name not in _LISTS)

# Of every setting: a value in text, and what it means.
_GOOD: list[tuple[str, str, object]] = [
    *((name, choice, choice) for name, choices in _CHOICES.items() for choice in choices),
    ("payload_field", "trace", "trace"),
    ("payload_field", "My-field_1.x", "My-field_1.x"),
    ("payload_field_aliases", "a", ("a",)),
    ("payload_field_aliases", "a,b-c,_d.E", ("a", "b-c", "_d.E")),
    *((name, "a.b", ("a.b",)) for name in _PATTERN_LISTS),
    *((name, "a.*.b,c.>,>,*", ("a.*.b", "c.>", ">", "*")) for name in _PATTERN_LISTS),
]
# With another spelling in JSON, or that could stand between two strings of it.
_BAD_NAMES = ('a"b', '"', "a\\b", "a/b", "é", "a\tb", "a\x7f", "a b", ":", ",", ":{", "],[", "{a}")
_BAD: list[tuple[str, str]] = [
    *((name, bad) for name in _CHOICES for bad in ("sometimes", "payload,headers", "none", "1")),
    *(("payload_field", bad) for bad in _BAD_NAMES),
]
_BAD_PATTERNS = ("a..b", "a b", ".", "a.", "foo*", ">.a", "a.>.b", "**")


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages of our records, which have to be warnings."""
    records = [record for record in caplog.records if record.name == _LOGGER]
    assert {record.levelno for record in records} <= {logging.WARNING}
    return [record.getMessage() for record in records]


def _only(caplog: pytest.LogCaptureFixture, *parts: str) -> None:
    """Exactly one warning, that has all these parts."""
    [message] = _warnings(caplog)
    assert [part for part in parts if part not in message] == []


def _accepted(name: str) -> tuple[str, ...]:
    """What a warning about this setting says of the values that it takes."""
    if name in _CHOICES:
        return _CHOICES[name]
    return (
        ("subjects", "*", ">")
        if name in _PATTERN_LISTS
        else ("ASCII letters", "digits", "_", "-", ".")
    )


# --- sources and their order --------------------------------------------------------------------


def test_the_defaults(caplog: pytest.LogCaptureFixture) -> None:
    """Without arguments and variables, silently."""
    assert dataclasses.asdict(resolve({}, {})) == _DEFAULTS
    assert resolve(None, {}) == Settings()
    assert _warnings(caplog) == []


@pytest.mark.parametrize(("name", "text", "value"), _GOOD)
def test_every_setting_by_environment(
    caplog: pytest.LogCaptureFixture, name: str, text: str, value: object
) -> None:
    """Its own variable sets it, and nothing else."""
    settings = resolve({}, {_VARIABLES[name]: text})
    assert dataclasses.asdict(settings) == {**_DEFAULTS, name: value}
    assert _warnings(caplog) == []


@pytest.mark.parametrize(("name", "text", "value"), _GOOD)
def test_every_setting_by_argument(
    caplog: pytest.LogCaptureFixture, name: str, text: str, value: object
) -> None:
    """The same text as in the variable, or the value itself."""
    expected = {**_DEFAULTS, name: value}
    assert dataclasses.asdict(resolve({name: text}, {})) == expected
    assert dataclasses.asdict(resolve({name: value}, {})) == expected
    assert _warnings(caplog) == []


@pytest.mark.parametrize(("name", "text", "value"), _GOOD)
def test_an_argument_wins_over_the_environment(
    caplog: pytest.LogCaptureFixture, name: str, text: str, value: object
) -> None:
    """The variable is not even looked at: a bad one is no warning."""
    settings = resolve({name: text}, {_VARIABLES[name]: "\x00 bad..value*"})
    assert getattr(settings, name) == value
    assert _warnings(caplog) == []


@pytest.mark.parametrize(("name", "text", "value"), _GOOD)
def test_an_argument_of_none_is_not_given(
    caplog: pytest.LogCaptureFixture, name: str, text: str, value: object
) -> None:
    """The variable decides then."""
    assert getattr(resolve({name: None}, {_VARIABLES[name]: text}), name) == value
    assert _warnings(caplog) == []


@pytest.mark.parametrize("name", _FIELDS)
def test_an_empty_variable_is_not_set(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """As the specification of OpenTelemetry wants it."""
    assert getattr(resolve({}, {_VARIABLES[name]: ""}), name) == _DEFAULTS[name]
    assert _warnings(caplog) == []


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the time of the call."""
    monkeypatch.setenv("OTEL_PYTHON_NATS_CARRIER", "both")
    assert resolve().carrier == "both"
    monkeypatch.delenv("OTEL_PYTHON_NATS_CARRIER")
    assert resolve().carrier == "payload"


@pytest.mark.parametrize(("name", "choices"), _CHOICES.items())
def test_case_and_blanks_do_not_matter(
    caplog: pytest.LogCaptureFixture, name: str, choices: tuple[str, ...]
) -> None:
    """Of the settings that are one of a few words."""
    for choice in choices:
        for text in (choice.upper(), choice.title(), f"  {choice}\t", f"\n{choice.upper()} "):
            assert getattr(resolve({}, {_VARIABLES[name]: text}), name) == choice
            assert getattr(resolve({name: text}, {}), name) == choice
    assert _warnings(caplog) == []


def test_case_matters_where_it_does_in_nats_and_json(caplog: pytest.LogCaptureFixture) -> None:
    """Subjects and field names are taken as they are, without the blanks around them."""
    settings = resolve({"payload_field": " Trace ", "excluded_subjects": [" A.b ", "\ta.B\n"]}, {})
    assert settings.payload_field == "Trace"
    assert settings.excluded_subjects == ("A.b", "a.B")
    assert _warnings(caplog) == []


@pytest.mark.parametrize("name", _LISTS)
def test_a_list_in_text_is_separated_by_commas(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """With blanks around the items, and nothing between two commas."""
    for text in ("a,b", " a , b ", ",a,,b,", "a,\n b , "):
        assert getattr(resolve({}, {_VARIABLES[name]: text}), name) == ("a", "b")
        assert getattr(resolve({name: text}, {}), name) == ("a", "b")
    assert _warnings(caplog) == []


_ITERABLES: list[Callable[[list[str]], object]] = [
    list,
    tuple,
    iter,
    dict[str, None].fromkeys,
]


@pytest.mark.parametrize("name", _LISTS)
@pytest.mark.parametrize("make", _ITERABLES, ids=["list", "tuple", "iterator", "keys"])
def test_a_list_may_be_any_iterable(
    caplog: pytest.LogCaptureFixture, name: str, make: Callable[[list[str]], object]
) -> None:
    """The setting is a tuple of its items, in order."""
    assert getattr(resolve({name: make(["b", "a"])}, {}), name) == ("b", "a")
    assert _warnings(caplog) == []


@pytest.mark.parametrize("name", _LISTS)
@pytest.mark.parametrize("empty", [[], (), ""])
def test_an_empty_list_is_a_value(
    caplog: pytest.LogCaptureFixture, name: str, empty: object
) -> None:
    """As an argument it means none at all, whatever the environment and the default."""
    assert getattr(resolve({name: empty}, {_VARIABLES[name]: "a"}), name) == ()
    assert _warnings(caplog) == []


@PROPERTY
@given(st.lists(patterns, min_size=1, max_size=5))
def test_any_patterns_are_taken_in_order(several: list[str]) -> None:
    """As a list or as text."""
    assert resolve({"subject_templates": several}, {}).subject_templates == tuple(several)
    settings = resolve({}, {_VARIABLES["subject_templates"]: ",".join(several)})
    assert settings.subject_templates == tuple(several)


# --- bad values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "bad"), _BAD)
def test_a_bad_variable_costs_the_setting_alone(
    caplog: pytest.LogCaptureFixture, name: str, bad: str
) -> None:
    """One warning: the variable, the value, the values it takes, and the default that is used."""
    settings = resolve({}, {**dict.fromkeys(_VARIABLES.values(), ""), _VARIABLES[name]: bad})
    assert dataclasses.asdict(settings) == _DEFAULTS
    _only(caplog, _VARIABLES[name], repr(bad), repr(_DEFAULTS[name]), *_accepted(name))


@pytest.mark.parametrize(("name", "bad"), _BAD)
def test_a_bad_argument_costs_the_setting_alone(
    caplog: pytest.LogCaptureFixture, name: str, bad: str
) -> None:
    """The warning names the argument, not a variable that was never set."""
    assert dataclasses.asdict(resolve({name: bad}, {})) == _DEFAULTS
    _only(caplog, f"{name}: {bad!r}", repr(_DEFAULTS[name]), *_accepted(name))
    assert _VARIABLES[name] not in caplog.text


@pytest.mark.parametrize("name", _TEXTS)
@pytest.mark.parametrize("bad", [1, True, 0, 1.5, b"payload", ["payload"], ("link",), {}, object])
def test_an_argument_of_a_wrong_type_is_a_bad_one(
    caplog: pytest.LogCaptureFixture, name: str, bad: object
) -> None:
    """As YAML and Python make it easy to pass one."""
    assert dataclasses.asdict(resolve({name: bad}, {})) == _DEFAULTS
    _only(caplog, name, repr(bad), repr(_DEFAULTS[name]), *_accepted(name))


@pytest.mark.parametrize("name", _LISTS)
@pytest.mark.parametrize("bad", [1, True, 0, 1.5, object])
def test_a_list_of_a_wrong_type_is_a_bad_one(
    caplog: pytest.LogCaptureFixture, name: str, bad: object
) -> None:
    """The default is used."""
    assert dataclasses.asdict(resolve({name: bad}, {})) == _DEFAULTS
    _only(caplog, name, repr(bad), repr(_DEFAULTS[name]), *_accepted(name))


@pytest.mark.parametrize("name", _LISTS)
@pytest.mark.parametrize("bad", [None, 1, True, b"a", ["a"], "", " "])
def test_a_bad_item_of_a_list_is_left_out(
    caplog: pytest.LogCaptureFixture, name: str, bad: object
) -> None:
    """Of any type; the others stay, in order."""
    assert getattr(resolve({name: ["a", bad, "b"]}, {}), name) == ("a", "b")
    _only(caplog, name, repr(bad), "left out", *_accepted(name))


@pytest.mark.parametrize("name", _PATTERN_LISTS)
@pytest.mark.parametrize("bad", _BAD_PATTERNS)
def test_a_bad_pattern_is_left_out(caplog: pytest.LogCaptureFixture, name: str, bad: str) -> None:
    """In text as in a list: one warning, and the good ones stay."""
    assert getattr(resolve({name: ["a.*", bad, "b.>"]}, {}), name) == ("a.*", "b.>")
    _only(caplog, f"{name}: {bad!r}", "left out", *_accepted(name))
    caplog.clear()
    assert getattr(resolve({}, {_VARIABLES[name]: f"a.*,{bad},b.>"}), name) == ("a.*", "b.>")
    _only(caplog, _VARIABLES[name], repr(bad), "left out", *_accepted(name))


@pytest.mark.parametrize("bad", _BAD_NAMES)
def test_a_bad_alias_is_left_out(caplog: pytest.LogCaptureFixture, bad: str) -> None:
    """Aliases follow the rules of the field."""
    name = "payload_field_aliases"
    assert resolve({name: ["a", bad, "b"]}, {}).payload_field_aliases == ("a", "b")
    _only(caplog, name, repr(bad), "left out", *_accepted(name))


def test_every_bad_item_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """One warning each, also where nothing good is left."""
    assert resolve({"excluded_subjects": ["a b", None, "c..d"]}, {}).excluded_subjects == ()
    assert len(_warnings(caplog)) == 3


def test_bad_settings_are_independent(caplog: pytest.LogCaptureFixture) -> None:
    """Two bad ones are two warnings, and the good one between them is used."""
    settings = resolve(
        {"carrier": "x", "consumed_field": "keep"}, {_VARIABLES["consumer_parent"]: "y"}
    )
    assert dataclasses.asdict(settings) == {**_DEFAULTS, "consumed_field": "keep"}
    assert len(_warnings(caplog)) == 2


# --- the dataclasses and the variables ----------------------------------------------------------


@pytest.mark.parametrize("name", _FIELDS)
def test_settings_are_frozen(name: str) -> None:
    """They are shared, and decide what was set up already."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(Settings(), name, _DEFAULTS[name])


def test_settings_are_keywords() -> None:
    """A new one may stand anywhere without changing the meaning of a call."""
    make: Any = Settings
    with pytest.raises(TypeError):
        make("payload")


def test_settings_can_be_compared_and_hashed() -> None:
    """Equal by value."""
    assert resolve({"excluded_subjects": ["a"]}, {}) == Settings(excluded_subjects=("a",))
    assert hash(Settings(carrier="auto")) == hash(resolve({"carrier": "auto"}, {}))


def test_every_setting_is_described() -> None:
    """With what it accepts, as the documentation and the warnings need it."""
    for setting in _FIELDS.values():
        assert setting.metadata["description"].endswith(".")
        assert setting.metadata["accepted"].description


def test_every_variable_has_its_name_as_value() -> None:
    """``opentelemetry-instrument`` reads the names and makes flags of them."""
    names = [name for name in vars(environment_variables) if name.isupper()]
    assert all(getattr(environment_variables, name) == name for name in names)
    assert all(name.startswith("OTEL_PYTHON_NATS_") for name in names)


def test_every_setting_has_one_variable() -> None:
    """And there is no variable without a setting."""
    used = [setting.metadata["variable"] for setting in _FIELDS.values()]
    declared = [name for name in vars(environment_variables) if name.startswith("OTEL_")]
    assert sorted(used) == sorted(declared)
    assert dict(zip(_FIELDS, used, strict=True)) == _VARIABLES


# --- the declarative configuration --------------------------------------------------------------


def test_the_configuration_has_every_setting() -> None:
    """By the same name, None where the file leaves it out."""
    assert {field.name: field.default for field in dataclasses.fields(NATSConfiguration)} == (
        dict.fromkeys(_FIELDS)
    )
    assert dataclasses.asdict(NATSConfiguration()) == dict.fromkeys(_FIELDS)


def _from_file(options: dict[str, object]) -> dict[str, object]:
    """The keyword arguments that the declarative configuration makes of the options."""
    conversion = pytest.importorskip("opentelemetry.configuration._conversion")
    configuration = conversion._dict_to_dataclass(options, NATSConfiguration)
    return {
        field.name: value
        for field in dataclasses.fields(configuration)
        if (value := getattr(configuration, field.name)) is not None
    }


def test_the_declarative_configuration_sets_every_setting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Texts and lists as YAML has them."""
    options: dict[str, object] = {
        "carrier": "auto",
        "payload_field": "trace",
        "payload_field_aliases": ["a", "b"],
        "consumed_field": "strip",
        "excluded_subjects": ["health.>"],
        "propagate_only_subjects": ["*.tick"],
        "subject_templates": "orders.*,orders.>",
        "consumer_parent": "link",
    }
    assert options.keys() == _FIELDS.keys()
    arguments = _from_file(options)
    assert arguments == options
    assert dataclasses.asdict(resolve(arguments, {})) == {
        **options,
        "payload_field_aliases": ("a", "b"),
        "excluded_subjects": ("health.>",),
        "propagate_only_subjects": ("*.tick",),
        "subject_templates": ("orders.*", "orders.>"),
    }
    assert _warnings(caplog) == []


@pytest.mark.parametrize("options", [{}, dict.fromkeys(_FIELDS)])
def test_what_the_file_leaves_out_is_not_passed(options: dict[str, object]) -> None:
    """Missing or null: the environment and the defaults decide."""
    assert _from_file(options) == {}


def test_a_bad_option_of_the_file_costs_the_option_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The conversion lets it through, and it is warned of like any argument."""
    arguments = _from_file({"carrier": 5, "excluded_subjects": ["a", None], "consumer_parent": "x"})
    assert dataclasses.asdict(resolve(arguments, {})) == {**_DEFAULTS, "excluded_subjects": ("a",)}
    assert [message.partition(":")[0] for message in _warnings(caplog)] == [
        *("carrier", "excluded_subjects", "consumer_parent")
    ]
