"""Bad settings: one warning each, and the rest is used."""

from __future__ import annotations

import dataclasses
import string
from decimal import Decimal
from fractions import Fraction

import pytest

from opentelemetry_instrumentation_nats_payload._config import complain, resolve
from opentelemetry_instrumentation_nats_payload._subjects import is_pattern
from options import (
    BOOLEANS,
    CHOICES,
    DEFAULTS,
    FIELDS,
    LISTS,
    NUMBERS,
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
# Among them what int would take, and what str.isdigit and str.isdecimal would.
_BAD_NUMBERS = (
    *("-1", "-0", "+1", "1.5", "1.0", "1e3", "1_000", "0x10", "0b1", " ", "1 0", "10,20", "10,"),
    *("10B", "10 KB", "1k", "ten", "none", "null", "inf", "nan", "true", '"10"', "[1]"),
    *("１０", "1０", "١٠", "²", "½", "Ⅹ", "一", "−1", "1\x00", "1\u200b"),
)
# No token of RFC 9110. A header may be sent by such a name, but nobody means it.
_BAD_HEADERS = (
    *("a b", "a\tb", "a\nb", "a\r\nb", "a:", ":a", "a:b", "a: b", ":", "a\x00", "a\x7f", "a\xa0b"),
    *('"a"', "a/b", "a=b", "a;b", "(a)", "[a]", "{a}", "<a>", "a@b", "a?", "a\\b", "é", "a\u0131"),
)
_BAD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(CHOICES, ("sometimes", "payload,headers", "none", "1", " ")),
    "payload_field": _BAD_NAMES,
    **dict.fromkeys(BOOLEANS, _BAD_BOOLEANS),
    **dict.fromkeys(NUMBERS, _BAD_NUMBERS),
}
_BAD_ITEMS: dict[str, tuple[str, ...]] = {
    "payload_field_aliases": _BAD_NAMES,
    **dict.fromkeys(PATTERN_LISTS, (*_BAD_PATTERNS, *_PUNCTUATED)),
    "captured_headers": _BAD_HEADERS,
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
    others: tuple[object, ...] = (1.0, 1.5, "", b"payload", b"true", b"1", dict[str, str](), object)
    lists: tuple[object, ...] = ([], (), ["payload"], ("link",), [True], ["true"], [1])
    bools = () if name in BOOLEANS else (True, False)
    numbers = (-1, -(10**20)) if name in NUMBERS else (-1, 0, 1)
    for bad in (*_BAD[name], *others, *lists, *bools, *numbers):
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


@pytest.mark.parametrize("name", NUMBERS)
def test_a_bad_number_is_the_default_whatever_it_looks_like(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Neither rounded, nor cut at nothing, nor what the variable says; a boolean is no 1."""
    bad_ones: tuple[object, ...] = (
        *("-1", "1.5", "", "1e3", "１０", " -1 ", b"10"),
        *(-1, True, False, 1.0, 0.0, float("inf"), float("nan"), 1j, [1], (1,), [], {}),
        *(Decimal(1), Fraction(1)),
    )
    for bad in bad_ones:
        settings = resolve({name: bad}, {VARIABLES[name]: "7"})
        assert dataclasses.asdict(settings) == DEFAULTS
        assert type(getattr(settings, name)) is int
        assert warnings(caplog) == [
            f"instrument({name}=): {bad!r} is not accepted, the default 0 is used. "
            "Accepted: a whole number of bytes, 0 or more."
        ]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_bad_number_of_the_environment_is_the_default(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The warning has the value as it stands in the variable, with its blanks."""
    for bad in ("-1", "1.5", " ", " -1 ", "1e3", "１０", "True", "10 B"):
        assert getattr(resolve({}, {VARIABLES[name]: bad}), name) == 0
        assert warnings(caplog) == [
            f"{VARIABLES[name]}: {bad!r} is not accepted, the default 0 is used. "
            "Accepted: a whole number of bytes, 0 or more."
        ]


def test_a_bad_name_of_a_header_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """The whole name: nothing before the colon or the blank is taken for one."""
    variable = VARIABLES["captured_headers"]
    for bad in ("x desk", "x-desk:", "x-desk: nyc", ":x-desk"):
        alone = "is not accepted, the default () is used. Accepted: names of headers."
        beside = "is not accepted, the rest is used. Accepted: names of headers."
        assert resolve({}, {variable: bad}).captured_headers == ()
        assert resolve({}, {variable: f"{bad}, X-Id"}).captured_headers == ("X-Id",)
        assert resolve({"captured_headers": bad}, {variable: "x"}).captured_headers == ()
        assert resolve({"captured_headers": [bad, "X-Id"]}, {}).captured_headers == ("X-Id",)
        assert warnings(caplog) == [
            f"{variable}: {bad!r} {alone}",
            f"{variable}: {bad!r} {beside}",
            f"instrument(captured_headers=): {bad!r} {alone}",
            f"instrument(captured_headers=): {bad!r} {beside}",
        ]


def test_the_name_of_a_header_has_the_characters_of_a_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those of RFC 9110, and no other: in one warning all that are left out."""
    token = {*string.ascii_letters, *string.digits, *"!#$%&'*+-.^_`|~"}
    names = {char: f"a{char}b" for char in map(chr, range(0x250))}
    bad = [name for char, name in names.items() if char not in token]
    settings = resolve({"captured_headers": names.values()}, {})
    assert {*settings.captured_headers} == {names[char] for char in token}
    assert warnings(caplog) == [
        f"instrument(captured_headers=): {bad!r} is not accepted, the rest is used. "
        "Accepted: names of headers."
    ]


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
