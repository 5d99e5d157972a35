"""The field and its aliases, looked for in a payload at once. Pure functions on bytes."""

from __future__ import annotations

from collections.abc import Sequence

from ._json import ValueReader, may_be_object, without_extensions
from ._payload import PayloadField
from ._search import ESCAPE
from ._splice import LARGE

_TAIL = 512
_BACKSLASH, _BRACE = b"\\}"
NO_OBJECT = -1
"""In the place of an offset: of a payload that is not one JSON object in UTF-8."""


class PayloadFields:
    """Several members of a payload.

    Args:
        fields: each of them.
    """

    def __init__(self, fields: Sequence[PayloadField]) -> None:
        self._fields = fields
        self._common_start = _common_start([field.key for field in fields])
        self._values = ValueReader(*dict.fromkeys(field.name for field in fields))

    def are_absent(self, payload: bytes) -> bool:
        """Whether ``payload`` is seen to have no field that :meth:`PayloadField.read` would find.

        It is where no name stands anywhere, nested or in a text, however it is spelled. In more
        than 16 KiB with escapes, it is where the parser finds no such member at the top level.
        """
        # From the end, see _payload. A number is found at a quarter of the cost of its byte.
        if payload.rfind(self._common_start) < 0:
            if _BACKSLASH not in payload or payload.rfind(ESCAPE) < 0:
                return True
            if len(payload) > LARGE:  # the parser says it of all names in one pass
                return not self._values.has_any(payload)
        return all(field.is_absent(payload) for field in self._fields)

    def place(self, payload: bytes) -> int | None:
        """Where a field goes into ``payload``, which has none of them: before its final brace.

        ``NO_OBJECT`` if it may not have one; None if there is one already, or may be. That takes
        one pass over a payload in strict JSON; to search and to validate it are two.
        """
        if len(payload) > LARGE and payload.rfind(self._common_start, -_TAIL) >= 0:
            return None  # most that have one have it there, and are looked at again
        if not may_be_object(payload):
            return NO_OBJECT
        has_any = self._values.has_any(payload)
        if has_any is None:
            document = without_extensions(payload)
            has_any = None if document is None else self._values.has_any(document)
        if has_any is None:
            return NO_OBJECT
        if has_any:
            return None
        return len(payload) - 1 if payload[-1] == _BRACE else payload.rfind(b"}")


def _common_start(keys: list[bytes]) -> bytes:
    """Found where any of ``keys`` is: one search in the place of two."""
    first, last = min(keys), max(keys)
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((index for index, (a, b) in pairs if a != b), len(first))]
