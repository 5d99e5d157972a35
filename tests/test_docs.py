"""The documentation says what the code does."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest

import opentelemetry_instrumentation_nats_payload as package
from opentelemetry_instrumentation_nats_payload import _semconv, environment_variables
from opentelemetry_instrumentation_nats_payload._guard import logger
from opentelemetry_instrumentation_nats_payload._settings import Settings
from opentelemetry_instrumentation_nats_payload._signals import METRICS, SPANS

_ROOT = Path(__file__).parents[1]
_TABLE = (_ROOT / "docs" / "generated" / "settings.rst").read_text()
_PAGES = {
    str(path.relative_to(_ROOT)): path.read_text()
    for path in (_ROOT / "README.rst", *sorted((_ROOT / "docs").glob("*.rst")))
}
_TELEMETRY = _PAGES["docs/telemetry.rst"]
_EACH_PAGE = pytest.mark.parametrize("page", _PAGES)
# A block is indented further than the directive, which may stand in a list or a table.
_BLOCK = re.compile(r"^( *)\.\. code-block:: python\n((?:\1 +.*\n|\n)+)", re.MULTILINE)


def _rows() -> dict[str, tuple[str, str]]:
    """Default and meaning of each variable in the table of settings."""
    row = re.compile(r"   \* - ``(OTEL_\w+)``\n     -(.*)\n     - ((?:.*\n)(?:       .*\n)*)")
    return {name: (default.strip(), text) for name, default, text in row.findall(_TABLE)}


def _as_text(value: str | int) -> str:
    """The value as one would write it in the variable."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_setting_is_in_the_table_with_its_default() -> None:
    """The table and the settings are the same."""
    defaults: dict[str, str] = {}
    for setting in fields(Settings):
        default = getattr(Settings(), setting.name)
        texts = (_as_text(default),) if isinstance(default, str | int) else default
        defaults[setting.metadata["variable"]] = ", ".join(f"``{text}``" for text in texts)
    assert {name: default for name, (default, _) in _rows().items()} == defaults


def test_the_table_says_of_every_setting_what_the_code_says() -> None:
    """Word for word, wherever the lines end."""
    meanings = {name: " ".join(text.split()) for name, (_, text) in _rows().items()}
    described = {s.metadata["variable"]: s.metadata["description"] for s in fields(Settings)}
    assert meanings == described


def test_the_choices_of_every_setting_are_named() -> None:
    """A setting with a closed list of values says them all."""
    for setting in fields(Settings):
        accepted = setting.metadata["accepted"].description
        if " | " in accepted:
            text = _rows()[setting.metadata["variable"]][1]
            assert all(f"``{choice}``" in text for choice in accepted.split(" | "))


def test_the_table_is_in_the_page() -> None:
    """The page of settings includes it."""
    assert ".. include:: generated/settings.rst\n" in _PAGES["docs/settings.rst"]


@pytest.mark.parametrize("name", sorted(set(package.__all__) - {"__version__"}))
def test_every_public_name_is_documented(name: str) -> None:
    """Each has a docstring, and a place in the page of the API.

    What is called by us is in the page of settings by the name of its argument: ``publish_hook``
    for PublishHook.
    """
    public = getattr(package, name)
    assert public.__doc__
    assert re.search(rf"^\.\. auto(class|function):: {name}$", _PAGES["docs/api.rst"], re.MULTILINE)
    if getattr(public, "_is_protocol", False):
        argument = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        assert f"``{argument}" in _PAGES["docs/settings.rst"]


def test_the_logger_is_named() -> None:
    """Troubleshooting names the one logger."""
    assert f"``{logger.name}``" in _PAGES["docs/troubleshooting.rst"]


@_EACH_PAGE
def test_the_python_examples_are_python(page: str) -> None:
    """Every code block parses, on its own."""
    for _, block in _BLOCK.findall(_PAGES[page]):
        code = textwrap.dedent(block)
        ast.parse("async def example():\n" + textwrap.indent(code, "    "))


def test_the_python_examples_are_found() -> None:
    """All that there are: none is left out for how it is indented."""
    for text in _PAGES.values():
        assert len(_BLOCK.findall(text)) == text.count("code-block:: python\n")
    assert _BLOCK.findall(_PAGES["docs/handoff.rst"])


@_EACH_PAGE
def test_every_variable_that_is_named_exists(page: str) -> None:
    """Of ours; a prefix alone, such as ``OTEL_PYTHON_NATS_``, is none."""
    named = set(re.findall(r"OTEL_PYTHON_NATS_\w+", _PAGES[page]))
    assert named <= set(vars(environment_variables))


@_EACH_PAGE
def test_every_name_that_is_imported_is_public(page: str) -> None:
    """From this package."""
    blocks = re.findall(r"_nats_payload import (?:\(([^)]*)\)|(.*))", _PAGES[page])
    imported = set(re.findall(r"\w+", " ".join(a or b for a, b in blocks)))
    assert imported <= set(package.__all__)


def test_every_span_is_in_the_reference() -> None:
    """The table has the name of each operation, and the page its type and its kinds."""
    section = _TELEMETRY.partition("\nSpans\n---")[2].partition("\nAttributes\n~~~")[0]
    cells = " ".join(re.findall(r"^   \* - (.*)$", section, re.MULTILINE))
    assert set(re.findall(r"``(\w+)[ `]", cells)) == {span.operation for span in SPANS}
    for span in SPANS:
        assert f"``{span.operation_type}``" in _TELEMETRY
        assert all(f"``{kind}``" in section for kind in span.kinds)


def test_every_attribute_is_in_the_reference() -> None:
    """Those of spans and of metrics, in the first column of a table or in the text."""
    emitted = {name for signal in (*SPANS, *METRICS) for name in signal.attributes}
    emitted = {f"{name}<name>" if name.endswith(".") else name for name in emitted}
    assert [name for name in sorted(emitted) if f"``{name}``" not in _TELEMETRY] == []


def test_every_metric_is_in_the_reference_with_its_instrument() -> None:
    """In the table, with instrument and unit."""
    for metric, instrument, _ in METRICS:
        row = f"   * - ``{metric.name}``\n     - {instrument}, ``{metric.unit}``\n"
        assert row in _TELEMETRY, metric.name


def test_every_name_of_nats_in_the_reference_is_emitted() -> None:
    """What is not, is no more to be found there."""
    constants = [value for value in vars(_semconv).values() if isinstance(value, str)]
    emitted = {*constants, *(signal.metric.name for signal in METRICS)}
    named = set(re.findall(r"``(messaging\.[\w.]+?)(?:<name>)?``", _TELEMETRY))
    assert named - emitted == set()


def test_every_outcome_of_propagation_is_in_the_reference() -> None:
    """The values of both attributes, and those of the acknowledgement."""
    source = (_ROOT / "src" / package.__name__ / "_semconv.py").read_text()
    start = source.index("# What became of the context")
    values = re.findall(r'Final = "(\w+)"', source[start : source.index("class Metric")])
    assert len(values) > 15
    assert [value for value in (*values, _semconv.OUTCOME_NONE) if value not in _words()] == []


def _words() -> set[str]:
    return set(re.findall(r"``(\w+)``", _TELEMETRY))


def test_the_schema_is_the_one_that_is_emitted() -> None:
    """The version of the conventions."""
    assert _semconv.SCHEMA_URL in _TELEMETRY
