"""What tells the time series of a metric apart: attributes of low cardinality. Pure."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from . import _semconv

_Key = TypeVar("_Key")

Values = dict[str, str | int]


class Series(NamedTuple):
    """Operations that are counted and measured together."""

    operation: str
    operation_type: str
    template: str | None
    """A pattern that the subject matches."""

    destination: str | None
    """Where there is no pattern, a subject of which there are few: that of a subscription."""

    group: str | None
    server: tuple[str, int] | None
    """Address and port."""

    error_type: str | None = None

    def attributes(self, *, is_count: bool = True) -> Values:
        """The attributes of their data points; those of a duration have the operation's type."""
        values: Values = {
            _semconv.MESSAGING_SYSTEM: _semconv.SYSTEM_NATS,
            _semconv.MESSAGING_OPERATION_NAME: self.operation,
        }
        if not is_count and self.operation_type != _semconv.TYPE_PROCESS:
            values[_semconv.MESSAGING_OPERATION_TYPE] = self.operation_type
        optional = {
            _semconv.MESSAGING_DESTINATION_TEMPLATE: self.template,
            _semconv.MESSAGING_DESTINATION_NAME: None if self.template else self.destination,
            _semconv.MESSAGING_CONSUMER_GROUP_NAME: self.group,
            _semconv.ERROR_TYPE: self.error_type,
        }
        values.update({key: value for key, value in optional.items() if value})
        if self.server is not None:
            address, port = self.server
            values[_semconv.SERVER_ADDRESS] = address
            values[_semconv.SERVER_PORT] = port
        return values


class Outcome(NamedTuple):
    """What became of a message's context."""

    attribute: str
    """``messaging.nats.propagation.outcome`` or ``….source``."""

    value: str
    template: str | None

    def attributes(self) -> Values:
        """The attributes of its data point."""
        values: Values = {self.attribute: self.value}
        if self.template:
            values[_semconv.MESSAGING_DESTINATION_TEMPLATE] = self.template
        return values


_MAX_NAMES = 500
_MAX_ERROR_TYPES = 100
_MAX_SERIES = 2000
"""What an SDK keeps of one metric (docs/specification/metrics/sdk.md, "Cardinality limits")."""


class Limits:
    """Keeps the series bounded, whatever an application subscribes to or raises.

    Names past the limit are left out, which puts their messages together.
    """

    def __init__(self) -> None:
        self._series: set[Series] = set()
        self._names: set[str] = set()
        self._error_types: set[str] = set()

    def of_outcome(self, key: Outcome) -> Outcome:
        """``key``, or one with less in it."""
        if key.template is not None and not _has_room(self._names, key.template, _MAX_NAMES):
            return key._replace(template=None)
        return key

    def of_series(self, key: Series) -> Series:
        """``key``, or one with less in it."""
        if key in self._series:
            return key
        key = self._bounded(key)
        if _has_room(self._series, key, _MAX_SERIES):
            return key
        return key._replace(template=None, destination=None, group=None, server=None)

    def _bounded(self, key: Series) -> Series:
        if key.template is not None and not _has_room(self._names, key.template, _MAX_NAMES):
            key = key._replace(template=None)
        if key.group and not _has_room(self._names, key.group, _MAX_NAMES):
            key = key._replace(group=None)
        if key.destination and not _has_room(self._names, key.destination, _MAX_NAMES):
            key = key._replace(destination=None)
        error_type = key.error_type
        if error_type and not _has_room(self._error_types, error_type, _MAX_ERROR_TYPES):
            key = key._replace(error_type=_semconv.OTHER)
        return key


def _has_room(known: set[_Key], name: _Key, limit: int) -> bool:
    if name in known:
        return True
    if len(known) >= limit:
        return False
    known.add(name)
    return True
