"""Fuzz target: any bytes are a payload."""

from __future__ import annotations

from fuzz_target import fuzz, guide, instrumented

with instrumented():
    from invariants import check_payload


def check(data: bytes) -> None:
    """The codec agrees with the parser, with both backends."""
    guide(data)
    check_payload(data)


if __name__ == "__main__":
    fuzz(check)
