"""Bad settings: one warning each, and the rest is used."""

from __future__ import annotations

import dataclasses

import pytest

from opentelemetry_instrumentation_nats_payload._config import complain, resolve
from opentelemetry_instrumentation_nats_payload._subjects import is_pattern
from options import (
    BOOLEANS,
    CHOICES,
    DEFAULTS,
    FIELDS,
    LISTS,
    PATTERN_LISTS,
    SCALARS,
    VARIABLES,
    accepted,
    assert_warned,
    warnings,
)

# With another spelling in JSON, or that could stand between two strings of it.
_BAD_NAMES = (
    *('a"b', '"', "a\\b", "a/b", "é", "a\tb", "a\x7f", "a b", ":", ",", ":{", "],[", "{a}"),
    *("a\nb", "١", "a\u0131", "a=b", "$a"),
)
_BAD_PATTERNS = ("a..b", "a b", ".", "a.", "foo*", ">.a", "a.>.b", "**")
# A server would take them, but who writes them means another kind of pattern, or a list.
_PUNCTUATED = ("a;b", "{a}", "a.{b}", "a}", "*.a;b", "{a")
# Other spellings of yes and no, among them what str.casefold and int would take.
_BAD_BOOLEANS = (
    *("yes", "no", "on", "off", "y", "t", "f", "1", "0", "none", "null", " ", "true false"),
    *("true,false", "true,", "truee", "not true", "falſe", "ｔｒｕｅ", '"true"', "[true]"),
)
_BAD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(CHOICES, ("sometimes", "payload,headers", "none", "1", " ")),
    "payload_field": _BAD_NAMES,
    **dict.fromkeys(BOOLEANS, _BAD_BOOLEANS),
}
_BAD_ITEMS: dict[str, tuple[str, ...]] = {
    "payload_field_aliases": _BAD_NAMES,
    **dict.fromkeys(PATTERN_LISTS, (*_BAD_PATTERNS, *_PUNCTUATED)),
}


@pytest.mark.parametrize("name", SCALARS)
def test_a_bad_variable_costs_the_setting_alone(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """One warning: the variable, the value, the default that is used, the values it takes."""
    for bad in _BAD[name]:
        settings = resolve({}, {**dict.fromkeys(VARIABLES.values(), ""), VARIABLES[name]: bad})
        assert dataclasses.asdict(settings) == DEFAULTS
        consequence = f"the default {DEFAULTS[name]!r} is used"
        assert_warned(caplog, f"{VARIABLES[name]}: {bad!r} is", consequence, *accepted(name))


@pytest.mark.parametrize("name", SCALARS)
def test_a_bad_argument_costs_the_setting_alone(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Of any type; the warning names the argument, not a variable that was never set."""
    others: tuple[object, ...] = (1, 0, 1.0, 1.5, "", b"payload", b"true", dict[str, str](), object)
    lists: tuple[object, ...] = ([], (), ["payload"], ("link",), [True], ["true"])
    bools = () if name in BOOLEANS else (True, False)
    for bad in (*_BAD[name], *others, *lists, *bools):
        assert dataclasses.asdict(resolve({name: bad}, {VARIABLES[name]: "x y"})) == DEFAULTS
        consequence = f"the default {DEFAULTS[name]!r} is used"
        start = f"instrument({name}=): {bad!r} is not accepted"
        assert_warned(caplog, start, consequence, *accepted(name))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_a_wrong_type_is_one_bad_value(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The default is used; bytes are no list of numbers."""
    for bad in (1, True, False, 0, 1.5, object, b"", b"a", b"a,b", bytearray(b"a")):
        assert dataclasses.asdict(resolve({name: bad}, {VARIABLES[name]: "x"})) == DEFAULTS
        consequence = f"the default {DEFAULTS[name]!r} is used"
        start = f"instrument({name}=): {bad!r} is not accepted"
        assert_warned(caplog, start, consequence, *accepted(name))


@pytest.mark.parametrize("name", LISTS)
def test_a_bad_item_of_a_list_is_left_out(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """Of any type; the others stay, in order."""
    for bad in (*_BAD_ITEMS[name], None, 1, True, False, b"a", ["a"], "", " ", "a,b"):
        assert getattr(resolve({name: ["a", bad, "b"]}, {}), name) == ("a", "b")
        start = f"instrument({name}=): {bad!r} is not accepted, the rest is used. "
        assert_warned(caplog, start, *accepted(name))


@pytest.mark.parametrize("name", LISTS)
def test_a_bad_item_of_a_variable_is_left_out(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """One warning that names the variable."""
    for bad in _BAD_ITEMS[name]:
        if "," not in bad:
            assert getattr(resolve({}, {VARIABLES[name]: f"a,{bad},b"}), name) == ("a", "b")
            start = f"{VARIABLES[name]}: {bad!r} is not accepted, the rest is used. "
            assert_warned(caplog, start, *accepted(name))


@pytest.mark.parametrize("name", LISTS)
def test_bad_items_are_one_warning(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """That names them all, in order, and none of the good ones."""
    assert getattr(resolve({name: ["a b", None, "good", "é d"]}, {}), name) == ("good",)
    start = f"instrument({name}=): ['a b', None, 'é d'] is not accepted, the rest is used. "
    assert_warned(caplog, start, *accepted(name))
    assert getattr(resolve({}, {VARIABLES[name]: "a b,good,c d"}), name) == ("good",)
    assert_warned(caplog, f"{VARIABLES[name]}: ['a b', 'c d'] is not", "the rest is used")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_without_a_good_item_is_a_bad_one(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The default is used, by argument and by environment, after one warning."""
    consequence = f"the default {DEFAULTS[name]!r} is used"
    assert dataclasses.asdict(resolve({name: ["a b", None]}, {VARIABLES[name]: "x"})) == DEFAULTS
    assert_warned(caplog, f"instrument({name}=): ['a b', None] is not accepted", consequence)
    assert dataclasses.asdict(resolve({}, {VARIABLES[name]: "a b"})) == DEFAULTS
    assert_warned(caplog, f"{VARIABLES[name]}: 'a b' is not accepted", consequence)


@pytest.mark.parametrize("name", BOOLEANS)
def test_a_bad_boolean_is_the_default_whatever_it_looks_like(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Neither true where it is not empty, nor false where it is, nor what the variable says."""
    default = DEFAULTS[name]
    bad_ones: tuple[object, ...] = ("yes", "no", 1, 0, "", [], [not default], b"false")
    for bad in bad_ones:
        assert getattr(resolve({name: bad}, {VARIABLES[name]: str(not default)}), name) is default
        expected = (
            f"{bad!r} is not accepted, the default {default} is used. Accepted: true | false."
        )
        assert warnings(caplog) == [f"instrument({name}=): {expected}"]


@pytest.mark.parametrize("name", BOOLEANS)
def test_a_bad_boolean_of_the_environment_is_the_default(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The warning has the words that are accepted, as one would write them in the variable."""
    for bad in ("yes", "1", "no", "0"):
        assert getattr(resolve({}, {VARIABLES[name]: bad}), name) is DEFAULTS[name]
        consequence = f"the default {DEFAULTS[name]} is used"
        expected = f"{bad!r} is not accepted, {consequence}. Accepted: true | false."
        assert warnings(caplog) == [f"{VARIABLES[name]}: {expected}"]


def test_punctuation_is_refused_by_the_settings_alone() -> None:
    """It is part of patterns for a server."""
    assert [text for text in (*_PUNCTUATED, "a,b") if not is_pattern(text)] == []
    assert resolve({"subject_templates": _PUNCTUATED}, {}).subject_templates == ()


def test_bad_settings_are_independent(caplog: pytest.LogCaptureFixture) -> None:
    """Two bad ones are two warnings, and the good one between them is used."""
    settings = resolve(
        {"carrier": "x", "consumed_field": "keep"}, {VARIABLES["consumer_parent"]: "y"}
    )
    assert dataclasses.asdict(settings) == {**DEFAULTS, "consumed_field": "keep"}
    assert [message.partition(":")[0] for message in warnings(caplog)] == [
        "instrument(carrier=)",
        VARIABLES["consumer_parent"],
    ]


def test_a_complaint_says_what_was_wrong_and_what_is_right(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In one sentence each; the caller names source, consequence and accepted values."""
    complain("instrument(x=)", ["a"], "b | c", "the default 'b' is used")
    assert warnings(caplog) == [
        "instrument(x=): ['a'] is not accepted, the default 'b' is used. Accepted: b | c."
    ]


def test_no_setting_is_left_untested() -> None:
    """Every setting has bad values here."""
    assert {*_BAD, *_BAD_ITEMS} == {*FIELDS}
