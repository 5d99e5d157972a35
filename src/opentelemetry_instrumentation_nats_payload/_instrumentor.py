"""NATSInstrumentor: settings, then telemetry, then patches."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection
from dataclasses import fields
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from ._config import complain, configuration_class, resolve
from ._guard import logger
from ._patching import PatchTable
from ._settings import Settings
from ._telemetry import Telemetry, set_current
from .package import _instruments

_SETTINGS = frozenset(setting.name for setting in fields(Settings))
_OPTIONS = {
    "tracer_provider": (["get_tracer"], "a TracerProvider"),
    "meter_provider": (["get_meter"], "a MeterProvider"),
    "propagator": (["inject", "extract"], "a TextMapPropagator"),
    "publish_hook": (["__call__"], "a function of span and details"),
    "process_hook": (["__call__"], "a function of span and details"),
    "receive_hook": (["__call__"], "a function of span and details"),
    "redact_body": (["__call__"], "a function of subject and body"),
    "logger_provider": (["get_logger"], "a LoggerProvider"),
}
"""What ``instrument()`` takes besides the settings: what it needs to have, and what it is."""
_NOT_OURS = frozenset({"skip_dep_check"})
"""What distributions may pass to every instrumentor."""

# The base class is a singleton whose __init__ runs at every call: state is kept here.
_patches = PatchTable()


class _Configuration:
    """The class of the options, when it is asked for: it takes a millisecond to make, and few
    services have a configuration file.
    """

    def __get__(self, instance: object, owner: type) -> type[Any]:
        return configuration_class()


class NATSInstrumentor(BaseInstrumentor):
    """Traces what nats-py publishes and delivers, with the context inside the payload.

    .. code-block:: python

        NATSInstrumentor().instrument()

    Keyword arguments of ``instrument()``, all optional:

    - ``tracer_provider``, ``meter_provider``, ``propagator``: in place of the global ones.
    - ``publish_hook``, ``process_hook``, ``receive_hook``, each ``(span, details)``: called with
      the recording span before the message is sent, before the callback runs, and before a
      message that was asked for is handed over.
    - ``redact_body(subject, body)``: returns what of a body may be captured.
    - ``logger_provider``: where exceptions go, if they are recorded as logs.
    - every setting, by its name: ``carrier``, ``payload_field``, ``payload_field_aliases``,
      ``consumed_field``, ``excluded_subjects``, ``propagate_only_subjects``,
      ``subject_templates``, ``consumer_parent``, ``continue_received``, ``follow_handoff``,
      ``propagate_replies``, ``settle_spans``, ``metrics``, ``captured_headers``,
      ``captured_body_bytes``.
      An argument wins over its environment variable.
    """

    configuration = _Configuration()
    """The options of this instrumentation in a declarative configuration file."""

    def instrumentation_dependencies(self) -> Collection[str]:
        return _instruments

    def _instrument(self, **kwargs: Any) -> None:
        """Raises nothing but ImportError, where nats-py is missing: any other exception would
        end the loading of the instrumentations after this one.
        """
        # Here and not above: this package can be imported where nats-py is missing.
        importlib.import_module("nats")
        try:
            telemetry = _make_telemetry(kwargs)
            _replace_methods(telemetry)
            set_current(telemetry)
        except Exception:
            _patches.restore()
            logger.exception("NATS is not instrumented; uninstrument() before the next attempt")

    def _uninstrument(self, **_: Any) -> None:
        set_current(None)  # first, so that no message that comes meanwhile replaces anything
        _patches.restore()


def _make_telemetry(kwargs: dict[str, Any]) -> Telemetry:
    unknown = sorted(kwargs.keys() - _SETTINGS - _OPTIONS.keys() - _NOT_OURS)
    if unknown:
        accepted = ", ".join(sorted(_SETTINGS | _OPTIONS.keys()))
        logger.warning(
            "instrument(): %s unknown, ignored. Accepted: %s.", ", ".join(unknown), accepted
        )
    options = {name: _checked(name, kwargs.get(name)) for name in _OPTIONS}
    return Telemetry(resolve({k: v for k, v in kwargs.items() if k in _SETTINGS}), **options)


def _checked(name: str, value: Any) -> Any:
    """The option, or None for one that could not work."""
    attributes, accepted = _OPTIONS[name]
    # Hooks are called, and not awaited.
    is_async = inspect.iscoroutinefunction(value)
    is_usable = all(callable(getattr(value, attribute, None)) for attribute in attributes)
    if value is None or (is_usable and not is_async):
        return value
    return complain(f"instrument({name}=)", value, accepted, "it is left out")


def _replace_methods(telemetry: Telemetry) -> None:
    from ._methods import replace_methods  # noqa: PLC0415  (imports nats-py)

    replace_methods(_patches, telemetry)
