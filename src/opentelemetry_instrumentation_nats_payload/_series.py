"""What tells the time series of a metric apart: attributes of low cardinality. Pure."""

from __future__ import annotations

from typing import NamedTuple

from . import _semconv

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

    def attributes(self) -> Values:
        """The attributes of their data points."""
        values: Values = {
            _semconv.MESSAGING_SYSTEM: _semconv.SYSTEM_NATS,
            _semconv.MESSAGING_OPERATION_NAME: self.operation,
        }
        if self.operation_type != _semconv.TYPE_PROCESS:
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
