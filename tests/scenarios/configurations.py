"""The ways of instrumenting that scenarios are played with."""

from __future__ import annotations

from itertools import product

from .run import NONE, SAMPLED, SAMPLED_OUT, Configuration

CARRIERS = ("payload", "headers", "both", "auto")
CONSUMED_FIELDS = ("refresh", "keep", "strip")
SDKS = (SAMPLED, SAMPLED_OUT, NONE)
OPTIONS = (
    {"settle_spans": True, "propagate_replies": True},
    {"follow_handoff": "off", "continue_received": False},
    {"consumer_parent": "link", "metrics": False},
    {"captured_headers": "A", "captured_body_bytes": 100},
    {"propagate_only_subjects": ">"},
    {"excluded_subjects": ">"},
)

PRODUCT = [Configuration(*values) for values in product(CARRIERS, CONSUMED_FIELDS, SDKS)]
EVERY = [*PRODUCT, *(Configuration(c, options=options) for options in OPTIONS for c in CARRIERS)]
"""For a run of its own."""


def chosen(number: int) -> list[Configuration]:
    """For the tests of every day: all carriers, and in turn, with the number of the scenario, the
    ways of the field and the SDKs.
    """
    configurations = [
        Configuration(
            carrier,
            CONSUMED_FIELDS[(number + index) % 3],
            SDKS[(number + index // 2) % 2],
            OPTIONS[number % 4] if index == number % 5 else {},
        )
        for index, carrier in enumerate(CARRIERS)
    ]
    return [*configurations, Configuration("auto", CONSUMED_FIELDS[number % 3], NONE)]
