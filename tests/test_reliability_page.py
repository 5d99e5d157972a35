"""The figures of the documentation are those of the record that the soak wrote."""

from __future__ import annotations

import json
from pathlib import Path

from soak.page import NAME, page

_GENERATED = Path(__file__).parents[1] / "docs" / "generated"


def test_the_page_is_made_of_the_record() -> None:
    """If this fails: python -m tests.soak."""
    record = json.loads((_GENERATED / f"{NAME}.json").read_text())
    assert (_GENERATED / f"{NAME}.rst").read_text() == page(record)
