"""The benchmarks measure what they say: spans, counts and bytes of every variant."""

from __future__ import annotations

import pytest

from benchmarks import codec, codec_payloads, plot, reached, report
from benchmarks.documents import encode, make_document
from benchmarks.exchange import Exchange
from benchmarks.fragments import Part, as_json
from benchmarks.instrumentations import OTHER, has_other
from benchmarks.modes import MODES, NO_SDK, SAMPLED, SAMPLED_OUT, make_mode
from benchmarks.results import Results, Sample
from benchmarks.tables import Table
from benchmarks.variants import (
    BARE,
    BARE_JSON,
    BY_HAND,
    EXCLUDED,
    LIMIT,
    PASSING_ON,
    PLUGIN,
    PROPAGATE_ONLY,
    make_variants,
)
from conftest import Connect, Instrumentation

_SIZE = 200
_MESSAGES = 5
_FIELD, _HEADER = 96, 86
_UNCHANGED = {BARE: 0, BARE_JSON: 0, EXCLUDED: 0, PROPAGATE_ONLY: 0}
_TRACED = {
    LIMIT: _FIELD,
    **({OTHER: _HEADER} if has_other() else {}),
    PLUGIN: _FIELD,
    "plugin, headers": _HEADER,
    "plugin, both": _FIELD + _HEADER,
    "plugin, auto": _FIELD,
    "plugin, keep": _FIELD,
    "plugin, strip": _FIELD,
    "plugin, metrics": _FIELD,
    "plugin + json": _FIELD,
    BY_HAND: _FIELD + 3,  # json.dumps puts a blank behind each comma and colon
}


async def _measured(connect: Connect, server: str, mode: str) -> Results:
    """A few messages of every variant: spans and counts are checked there."""
    client = await connect()
    samples: list[Sample] = []
    for number, variant in enumerate(make_variants(make_document(_SIZE), make_mode(mode))):
        exchange = Exchange(client, variant, f"benchmarks.{number:02}")
        await exchange.subscribe(server)
        times = tuple([await exchange.measure(_MESSAGES, _MESSAGES) for _ in range(2)])
        samples.append(
            Sample(_SIZE, mode, variant.name, variant.has_json, exchange.wire_size, times)
        )
    return Results(samples)


@pytest.mark.parametrize("mode", [SAMPLED, SAMPLED_OUT])
@pytest.mark.usefixtures("instrumentation")
async def test_every_variant_sends_what_it_stands_for(
    connect: Connect, server: str, mode: str
) -> None:
    """Two spans a message where they are recorded, and the context in each message."""
    results = await _measured(connect, server, mode)
    added = {result.variant: result.added_bytes for result in results}
    assert added == {**_UNCHANGED, **_TRACED, PASSING_ON: _FIELD}


@pytest.mark.usefixtures("instrumentation")
async def test_without_an_sdk_only_what_is_passed_on_is_sent(connect: Connect, server: str) -> None:
    """Nothing is added by the plugin otherwise."""
    results = await _measured(connect, server, NO_SDK)
    added = {result.variant: result.added_bytes for result in results}
    assert LIMIT not in added
    of_plugin = {name: size for name, size in added.items() if name.startswith(PLUGIN) and size}
    assert of_plugin == {PASSING_ON: _FIELD}


async def test_a_variant_that_makes_other_spans_is_no_result(
    connect: Connect, server: str, instrumentation: Instrumentation
) -> None:
    """As when the instrumentation under test does not work."""
    [bare, *_] = make_variants(make_document(_SIZE), make_mode(SAMPLED))
    exchange = Exchange(await connect(), bare, "benchmarks.bare")
    await exchange.subscribe(server)
    instrumentation.start(tracer_provider=bare.mode.provider)
    with pytest.raises(RuntimeError, match=f"bare made {2 * _MESSAGES} spans"):
        await exchange.measure(_MESSAGES, _MESSAGES)


def _results() -> Results:
    return Results(
        Sample(size, mode, name, False, 300, times)
        for size in (_SIZE, 1024)
        for mode in MODES
        for name, times in ((BARE, (10.0, 20.0, 10.0)), (PLUGIN, (20.0, 40.0, 30.0)))
    )


def test_ratios_are_those_of_the_same_round() -> None:
    """A round in which the machine was slow does not count for more."""
    ratio = _results().ratio(_SIZE, SAMPLED, PLUGIN, BARE)
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == (2.0, 2.0, 2.5)
    assert _results().ratio(_SIZE, SAMPLED, PLUGIN, LIMIT) is None


def test_results_are_shown() -> None:
    """As tables, on the terminal and in the documentation, and as pictures."""
    results = _results()
    [first, *_] = report.tables(results)
    assert first.rows[2][:5] == (PLUGIN, "30.0", "20.0", "", "2.00")
    assert plot.by_mode(results).count("<rect") == 1 + len(MODES) * 2
    assert plot.by_size(results, SAMPLED).count("<rect") == 1 + 2 * 2
    rows = reached.table(results, None, None).rows
    assert rows[1][1:] == ("1.15", "2.00", "2.00 to 2.50")


def test_a_table_has_two_forms() -> None:
    """Quotes are for the documentation only."""
    table = Table("Title", [("", "``x``"), ("a", "")])
    assert table.text() == "Title\n     x\n  a"
    assert Part("name", {"file": [table, table]}, None).text().count("Title") == 2
    assert table.rst() == (
        ".. list-table:: Title\n   :header-rows: 1\n   :stub-columns: 1\n\n"
        "   * -\n     - ``x``\n   * - a\n     -\n"
    )


def test_figures_in_json_are_short() -> None:
    """A change of a measurement is not a change of sixteen digits."""
    assert as_json({"a": [1.23456, 2]}) == '{\n "a": [\n  1.235,\n  2\n ]\n}\n'


def test_documents_have_the_size_that_was_asked_for() -> None:
    """To the byte, from the smallest on."""
    for size in (100, 200, 1024, 16 * 1024):
        assert len(encode(make_document(size))) == size


@pytest.mark.parametrize("name", codec_payloads.ADVERSARIAL)
def test_adversarial_payloads_are_as_large_as_they_say(name: str) -> None:
    """But for what is left of the last piece."""
    size = 64 * 1024
    assert size - 6000 <= len(codec_payloads.ADVERSARIAL[name](size)) <= size


def test_the_operations_of_the_codec_do_what_they_are_called() -> None:
    """On one payload: what comes out of each."""
    payload = codec_payloads.plain(_SIZE)
    done = {name: call() for name, call in codec.operations(_SIZE).items()}
    assert done[codec.INJECT] == codec_payloads.spliced(payload)
    assert done[codec.STRIP] == payload
    assert done[codec.READ] == codec_payloads.DOCUMENT
    assert done[codec.REFRESH] == codec_payloads.spliced(payload)
    assert done["inject: not JSON at its end"] is None
    assert done["read, no field there"] is None
