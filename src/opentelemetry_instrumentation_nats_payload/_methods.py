"""The methods of nats-py that are replaced. Imported only where nats-py is."""

from __future__ import annotations

import asyncio
import importlib
from functools import partial
from operator import attrgetter
from typing import Any

from nats.aio import subscription
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from nats.js.manager import JetStreamManager

from . import (
    _client,
    _iteration,
    _jetstream,
    _jetstream_publish,
    _message_data,
    _publish,
    _pull,
    _queues,
    _semconv,
    _settle,
)
from ._guard import guarded, logger
from ._patching import PatchTable
from ._telemetry import Telemetry

_MICRO = "nats.micro.service"


def replace_methods(patches: PatchTable, telemetry: Telemetry) -> None:
    """Put our wrappers in the place of nats-py's methods."""
    _replace_client(patches, telemetry)
    _replace_messages(patches, telemetry)
    _replace_iteration(patches, telemetry)
    _replace_jetstream(patches, telemetry)
    _replace_micro(patches, telemetry)
    _replace_handoffs(patches, telemetry)


def _replace_client(patches: PatchTable, telemetry: Telemetry) -> None:
    wrapped = {"telemetry": telemetry}
    patches.replace(Client, "publish", partial(_publish.wrap_publish, **wrapped))
    patches.replace(Client, "request", partial(_client.wrap_request, **wrapped))
    connect = partial(_client.wrap_connect, patches=patches, **wrapped)
    patches.replace(Client, "connect", connect)
    subscribe = partial(_client.wrap_subscribe, patches=patches, **wrapped)
    patches.replace(Client, "subscribe", subscribe)


def _replace_messages(patches: PatchTable, telemetry: Telemetry) -> None:
    respond = partial(_client.wrap_respond, telemetry=telemetry, request_of=_itself)
    patches.replace(Msg, "respond", respond)
    operations = {
        "ack": _semconv.OPERATION_ACK,
        "ack_sync": _semconv.OPERATION_ACK,
        "nak": _semconv.OPERATION_NAK,
        "term": _semconv.OPERATION_TERM,
        "in_progress": _semconv.OPERATION_IN_PROGRESS,
    }
    for name, operation in operations.items():
        settle = partial(_settle.wrap_settle, telemetry=telemetry, operation=operation)
        patches.replace(Msg, name, settle)


def _replace_handoffs(patches: PatchTable, telemetry: Telemetry) -> None:
    if telemetry.follows_messages:
        data = _message_data.make_property(b"")
        telemetry.watch_readers = partial(_watch_readers, patches, telemetry, data)
        # Otherwise once there is a message to follow: until then nothing is to cost anything.
        if telemetry.has_ever_armed:
            telemetry.watch_readers()
    if telemetry.settings.follow_handoff in ("queue", "all"):
        put_nowait = partial(_queues.wrap_put_nowait, telemetry=telemetry, message_type=Msg)
        patches.replace(asyncio.Queue, "put_nowait", put_nowait)


@guarded(None)
def _watch_readers(patches: PatchTable, telemetry: Telemetry, data: property) -> None:
    if telemetry.is_active:
        patches.define(Msg, "data", data)


def _itself(message: Msg) -> Msg:
    return message


def _replace_iteration(patches: PatchTable, telemetry: Telemetry) -> None:
    next_msg = partial(_iteration.wrap_next_msg, telemetry=telemetry)
    patches.replace(subscription.Subscription, "next_msg", next_msg)
    iterator: Any = getattr(subscription, "_SubscriptionMessageIterator", None)
    if iterator is None:
        logger.debug("this nats-py has no _SubscriptionMessageIterator to instrument")
        return
    for name, wrap in (("__anext__", _iteration.wrap_anext), ("__aiter__", _iteration.wrap_aiter)):
        patches.replace(iterator, name, partial(wrap, telemetry=telemetry))


def _replace_jetstream(patches: PatchTable, telemetry: Telemetry) -> None:
    for owner in (JetStreamContext, JetStreamManager):
        init = partial(_jetstream.wrap_init, telemetry=telemetry)
        patches.replace(owner, "__init__", init)
    api_request = partial(_jetstream.wrap_api_request, telemetry=telemetry)
    patches.replace(JetStreamManager, "_api_request", api_request)
    get_msg = partial(_jetstream.wrap_get_msg, telemetry=telemetry)
    patches.replace(JetStreamManager, "get_msg", get_msg)
    patches.replace(JetStreamContext, "subscribe_bind", _jetstream.wrap_subscribe_bind)
    patches.replace(JetStreamContext, "_handle_async_reply", _jetstream_publish.wrap_async_reply)
    wrappers = {
        "publish": _jetstream_publish.wrap_publish,
        "publish_async": _jetstream_publish.wrap_publish_async,
        "pull_subscribe": _pull.wrap_pull_subscribe,
    }
    for name, wrap in wrappers.items():
        patches.replace(JetStreamContext, name, partial(wrap, telemetry=telemetry))
    fetch = partial(_pull.wrap_fetch, telemetry=telemetry)
    patches.replace(JetStreamContext.PullSubscription, "fetch", fetch)


def _replace_micro(patches: PatchTable, telemetry: Telemetry) -> None:
    # To import it takes 8 ms, and few services use it.
    patches.replace_later(_MICRO, partial(_replace_micro_methods, patches, telemetry))


def _replace_micro_methods(patches: PatchTable, telemetry: Telemetry) -> None:
    try:
        request = importlib.import_module("nats.micro.request")
        service = importlib.import_module(_MICRO)
        from . import _micro  # noqa: PLC0415  (imports nats.micro)
    except (ImportError, AttributeError):
        logger.debug("nats.micro cannot be imported")
        return

    request_of = attrgetter("_msg")
    respond = partial(_client.wrap_respond, telemetry=telemetry, request_of=request_of)
    patches.replace(request.Request, "respond", respond)
    respond_error = partial(_micro.wrap_respond_error, telemetry=telemetry)
    patches.replace(request.Request, "respond_error", respond_error)
    init = partial(_micro.wrap_init, telemetry=telemetry)
    patches.replace(service.Endpoint, "__init__", init)
