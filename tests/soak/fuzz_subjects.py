"""Fuzz target: a pattern and, behind the first line end, a subject."""

from __future__ import annotations

from fuzz_target import fuzz, instrumented, texts

with instrumented():
    from invariants import check_subject


def check(data: bytes) -> None:
    """A good pattern matches token by token, and no text is an error."""
    check_subject(*texts(data, 2))


if __name__ == "__main__":
    fuzz(check)
