"""The settings as dataclasses, as variables and in the declarative configuration file."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from opentelemetry_instrumentation_nats_payload import NATSInstrumentor, environment_variables
from opentelemetry_instrumentation_nats_payload._config import Settings, resolve
from options import (
    BOOLEANS,
    DEFAULTS,
    FIELDS,
    NUMBERS,
    VARIABLES,
    accepted,
    assert_warned,
    warnings,
)

_Configuration = NATSInstrumentor.configuration


@pytest.mark.parametrize("name", FIELDS)
def test_settings_are_frozen(name: str) -> None:
    """They are shared, and decide what was set up already."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(Settings(), name, DEFAULTS[name])


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
    for setting in FIELDS.values():
        assert setting.metadata["description"].endswith((".", ".``"))
        assert setting.metadata["accepted"].description


def test_every_variable_has_its_name_as_value() -> None:
    """``opentelemetry-instrument`` reads the names and makes flags of them."""
    names = [name for name in vars(environment_variables) if name.isupper()]
    assert all(getattr(environment_variables, name) == name for name in names)
    assert all(name.startswith("OTEL_PYTHON_NATS_") for name in names)


def test_every_setting_has_one_variable() -> None:
    """And there is no variable without a setting."""
    used = [setting.metadata["variable"] for setting in FIELDS.values()]
    declared = [name for name in vars(environment_variables) if name.startswith("OTEL_")]
    assert sorted(used) == sorted(declared)
    assert dict(zip(FIELDS, used, strict=True)) == VARIABLES


def test_the_configuration_is_one_frozen_dataclass() -> None:
    """As the loader of the file wants it, of the instrumentor's class and of its object."""
    assert isinstance(_Configuration, type)
    assert dataclasses.is_dataclass(_Configuration)
    assert NATSInstrumentor.configuration is NATSInstrumentor().configuration is _Configuration
    with pytest.raises(dataclasses.FrozenInstanceError):
        _Configuration().carrier = "auto"


def test_the_configuration_has_every_setting() -> None:
    """By the same name, None where the file leaves it out."""
    assert {field.name: field.default for field in dataclasses.fields(_Configuration)} == (
        dict.fromkeys(FIELDS)
    )
    assert dataclasses.asdict(_Configuration()) == dict.fromkeys(FIELDS)


def _from_file(options: dict[str, object]) -> dict[str, object]:
    """The keyword arguments that the declarative configuration makes of the options."""
    conversion = pytest.importorskip("opentelemetry.configuration._conversion")
    configuration = conversion._dict_to_dataclass(options, _Configuration)
    return {
        field.name: value
        for field in dataclasses.fields(configuration)
        if (value := getattr(configuration, field.name)) is not None
    }


def test_the_declarative_configuration_sets_every_setting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Texts, lists, booleans and numbers as YAML has them."""
    options: dict[str, object] = {
        "carrier": "auto",
        "payload_field": "trace",
        "payload_field_aliases": ["a", "b"],
        "consumed_field": "strip",
        "excluded_subjects": ["health.>"],
        "propagate_only_subjects": ["*.tick"],
        "subject_templates": "orders.*,orders.>",
        "consumer_parent": "link",
        "continue_received": False,
        "follow_handoff": "all",
        "propagate_replies": True,
        "settle_spans": "TRUE",
        "metrics": "False",
        "captured_headers": ["x-desk", "Nats-Msg-Id"],
        "captured_body_bytes": 1024,
    }
    assert options.keys() == FIELDS.keys()
    arguments = _from_file(options)
    assert arguments == options
    assert dataclasses.asdict(resolve(arguments, {})) == {
        **options,
        "payload_field_aliases": ("a", "b"),
        "excluded_subjects": ("health.>",),
        "propagate_only_subjects": ("*.tick",),
        "subject_templates": ("orders.*", "orders.>"),
        "settle_spans": True,
        "metrics": False,
        "captured_headers": ("x-desk", "Nats-Msg-Id"),
    }
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", BOOLEANS)
def test_a_boolean_of_the_file_is_passed(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """As such or as text, and over the environment; false is not left out."""
    for value in (True, False):
        options: tuple[object, ...] = (value, str(value), str(value).lower())
        for option in options:
            arguments = _from_file({name: option})
            assert arguments == {name: option}
            assert getattr(resolve(arguments, {VARIABLES[name]: str(not value)}), name) is value
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_the_file_is_passed(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """As such or as text, and over the environment; 0 is not left out."""
    for value in (0, 1, 1024):
        options: tuple[object, ...] = (value, str(value), f" {value} ")
        for option in options:
            arguments = _from_file({name: option})
            assert arguments == {name: option}
            assert getattr(resolve(arguments, {VARIABLES[name]: "7"}), name) == value
    assert warnings(caplog) == []


@pytest.mark.parametrize("options", [{}, dict.fromkeys(FIELDS)])
def test_what_the_file_leaves_out_is_not_passed(options: dict[str, object]) -> None:
    """Missing or null: the environment and the defaults decide."""
    assert _from_file(options) == {}


@pytest.mark.parametrize("name", BOOLEANS)
def test_a_bad_boolean_of_the_file_costs_the_option_alone(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A number, a list and another word are no booleans; null is left out."""
    bad_ones: tuple[object, ...] = (1, 0, [True], [], {}, "yes", "1", "")
    for bad in bad_ones:
        assert dataclasses.asdict(resolve(_from_file({name: bad}), {})) == DEFAULTS
        assert_warned(caplog, f"instrument({name}=): {bad!r} is not accepted", *accepted(name))
    assert _from_file({name: None}) == {}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_bad_number_of_the_file_costs_the_option_alone(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A negative one, a fraction, a list and another text are no numbers; null is left out."""
    bad_ones: tuple[object, ...] = (-1, 1.5, 1.0, [1], [], {}, "-1", "1e3", "1.5", "１０", "")
    for bad in bad_ones:
        assert dataclasses.asdict(resolve(_from_file({name: bad}), {VARIABLES[name]: "7"})) == (
            DEFAULTS
        )
        assert_warned(caplog, f"instrument({name}=): {bad!r} is not accepted", *accepted(name))
    assert _from_file({name: None}) == {}


@pytest.mark.parametrize(
    ("option", "headers", "bad"),
    [
        ("x-desk, X-Id", ("x-desk", "X-Id"), None),
        ([], (), None),
        (["x-desk", "a b", "X-Id"], ("x-desk", "X-Id"), "a b"),
        (["x-desk", {"X-Id": "nyc"}], ("x-desk",), {"X-Id": "nyc"}),
        ("x-desk: nyc", (), "x-desk: nyc"),
        ([1, None], (), [1, None]),
        (5, (), 5),
    ],
)
def test_headers_of_the_file(
    caplog: pytest.LogCaptureFixture, option: object, headers: tuple[str, ...], bad: object
) -> None:
    """A list or a text; of a list the good names stay, and the environment is not looked at."""
    arguments = _from_file({"captured_headers": option})
    settings = resolve(arguments, {VARIABLES["captured_headers"]: "other"})
    assert dataclasses.asdict(settings) == {**DEFAULTS, "captured_headers": headers}
    consequence = "the rest is used" if headers else "the default () is used"
    expected = f"{bad!r} is not accepted, {consequence}. Accepted: names of headers."
    assert warnings(caplog) == (
        [] if bad is None else [f"instrument(captured_headers=): {expected}"]
    )


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in BOOLEANS])
def test_a_boolean_of_the_file_is_bad_elsewhere(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """As YAML makes one of ``on`` and ``no``."""
    for bad in (True, False):
        assert dataclasses.asdict(resolve(_from_file({name: bad}), {})) == DEFAULTS
        assert_warned(caplog, f"instrument({name}=): {bad!r} is not accepted", *accepted(name))


def test_a_bad_option_of_the_file_costs_the_option_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The conversion lets it through, and it is warned of like any argument."""
    arguments = _from_file({"carrier": 5, "excluded_subjects": ["a", None], "consumer_parent": "x"})
    assert dataclasses.asdict(resolve(arguments, {})) == {**DEFAULTS, "excluded_subjects": ("a",)}
    assert [message.partition(":")[0] for message in warnings(caplog)] == [
        *("instrument(carrier=)", "instrument(excluded_subjects=)", "instrument(consumer_parent=)")
    ]
