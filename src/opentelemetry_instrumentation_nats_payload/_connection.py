"""What is known of a ``nats.aio.client.Client``: its server, limits, inboxes, JetStream prefixes.

This, the table of patches in ``_methods``, the wrapper modules (``_client``, ``_publish``,
``_subscription``, ``_iteration``, ``_pull``, ``_jetstream``, ``_jetstream_publish``, ``_settle``,
``_micro``), ``_waiting``, ``_delivery`` for ``Msg._client``, ``_plain_process`` and ``_producer``
for what they look at in the client are the only ones that know nats-py's insides.
Its private names, all of them here, save those of the command's own client (``_audit/client``):

========================================  ===================================================
``Client._server_info``                   the server's INFO, a new dict at each connect
``Client._current_server``                the server chosen last, ``uri`` is a ``ParseResult``
``Client._inbox_prefix``                  bytearray, ``_INBOX`` unless the application chose
``Client._max_pending_size``              bytes that may wait for a reconnect
``Client._pending_data_size``             bytes that do, commands included; also written
``Client._pending``                       the commands that do, a list; also written
``Client._send_publish``                  called with an object of ours in place of the client, of
                                          which it uses ``_send_command`` and ``_flush_queue``
``JetStreamContext._nc``, ``._prefix``    the client, and what API subjects start with
``JetStreamManager._api_request``         wrapped: requests to the API
``Request._msg``                          the ``Msg`` of a micro request
``Client._request_sub_callback``,         callbacks of nats-py's own, which have no span;
``JetStreamContext._handle_async_reply``  the latter is also wrapped: it resolves the futures of
                                          ``publish_async``
``Subscription._conn``, ``._subject``,    the client, what was subscribed to, the queue group, and
``._queue``, ``._jsi``                    what JetStream knows of a push subscription
``Subscription._closed``,                 whether nothing more is to come
``._max_msgs``, ``._received``,
``._pending_queue``
``_JSI._ccreq``                           its consumer's configuration, with the filter subject
``PushSubscription._sub``                 the subscription inside, which has ``_jsi``
``_SubscriptionMessageIterator._sub``     its subscription; the class is wrapped: iteration
``JetStreamContext._async_reply_prefix``  None until ``publish_async`` has subscribed to replies
``PullSubscription._nc``, ``._sub``       the client, and the subscription that ``fetch`` asks
``Msg._client``                           the client
``Endpoint._handler``                     of micro, written: its exceptions are swallowed around it
========================================  ===================================================
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from . import _semconv
from ._guard import guarded
from ._headers import wire_size
from ._message import Outgoing
from ._series import Series
from ._subject_cache import SubjectCache
from ._subjects import INBOX_PREFIXES
from ._subscriber import Subscriber

_ATTRIBUTE = "_otel_nats_connection"
_PULL_REQUEST = ".CONSUMER.MSG.NEXT."
_DIGITS = tuple(10**count for count in range(1, 20))
"""Numbers from which on there is one digit more."""


class Connection:
    """One client, as the wrappers need it. Attributes are made anew when it reconnects.

    Attributes:
        info: the server's INFO that was read last.
        attributes: of every span of this client.
        sent, processed: the same and those of the operations that most spans are of.
        server: address and port of the server, if they are known.
        inbox_prefixes: what the subjects of replies to this client, and to others, start with.
        max_payload: bytes of a message, headers and payload, that the server takes.
        ephemeral_prefixes: what subjects start with of which there is one for each message:
            inboxes, acknowledgements.
        cache: what is known of the subjects that it publishes to.
        api_prefixes: of JetStream APIs reached through this client that do not start with ``$``.
        supports_headers: whether the server takes headers; one that does not drops the connection.
    """

    __slots__ = (
        "api_prefixes",
        "attributes",
        "cache",
        "ephemeral_prefixes",
        "inbox_prefixes",
        "info",
        "max_payload",
        "processed",
        "sent",
        "server",
        "supports_headers",
    )

    def __init__(self) -> None:
        self.info: object = None
        self.supports_headers = False
        self.max_payload = 0
        self.attributes: dict[str, str | int] = {_semconv.MESSAGING_SYSTEM: _semconv.SYSTEM_NATS}
        self.sent = self.processed = self.attributes
        self.server: tuple[str, int] | None = None
        self.inbox_prefixes = INBOX_PREFIXES
        self.ephemeral_prefixes = (*INBOX_PREFIXES, "$")
        self.api_prefixes: tuple[str, ...] = ()
        self.cache = SubjectCache()

    def refresh(self, client: Any) -> None:
        """Read the server's INFO."""
        info = client._server_info
        self.attributes = _attributes(client, info)
        self.sent = {
            **self.attributes,
            _semconv.MESSAGING_OPERATION_NAME: _semconv.OPERATION_PUBLISH,
            _semconv.MESSAGING_OPERATION_TYPE: _semconv.TYPE_SEND,
        }
        self.processed = {
            **self.attributes,
            _semconv.MESSAGING_OPERATION_NAME: _semconv.OPERATION_PROCESS,
            _semconv.MESSAGING_OPERATION_TYPE: _semconv.TYPE_PROCESS,
        }
        address, port = (
            self.attributes.get(name) for name in (_semconv.SERVER_ADDRESS, _semconv.SERVER_PORT)
        )
        self.server = (str(address), int(port)) if address and port else None
        self.inbox_prefixes = (*INBOX_PREFIXES, client._inbox_prefix.decode() + ".")
        self.ephemeral_prefixes = (*self.inbox_prefixes, "$")
        self.supports_headers = bool(info.get("headers"))
        # nats-py 2.2 does not read the server's limit into max_payload.
        self.max_payload = min(info.get("max_payload", client.max_payload), client.max_payload)
        self.info = info

    def sent_series(self, template: str | None) -> Series:
        """What a publish is counted and measured as."""
        publish, send = _semconv.OPERATION_PUBLISH, _semconv.TYPE_SEND
        return Series(publish, send, template, None, None, self.server)

    def inbox_template(self, subject: str) -> str | None:
        """The pattern of the inboxes that ``subject`` is one of, such as ``_INBOX.>``."""
        prefix = next((p for p in self.inbox_prefixes if subject.startswith(p)), None)
        return None if prefix is None else prefix + ">"

    def add_api_prefix(self, prefix: str) -> None:
        """Remember the prefix of a JetStream API, such as ``acme.js`` over an account import.

        Those that start with ``$`` are known by that.
        """
        start = prefix + "."
        if start not in self.api_prefixes:
            self.api_prefixes = (*self.api_prefixes, start)
            self.cache.clear()  # some may be to subjects of it

    def is_api_request(self, subject: str) -> bool:
        """Whether ``subject`` belongs to a JetStream API that does not start with ``$``.

        A pull subscription older than the instrumentation asks under a prefix never seen.
        """
        if self.api_prefixes and subject.startswith(self.api_prefixes):
            return True
        return _PULL_REQUEST in subject

    def fits(self, client: Any, size: int) -> bool:
        """Whether a message of ``size`` bytes, headers and payload, can be sent.

        Past ``max_payload`` the server drops the connection. While there is none, nats-py raises
        OutboundBufferLimitError once its buffer is full.
        """
        if size > self.max_payload:
            return False
        if client.is_connected:
            return True
        return bool(client._pending_data_size + size <= client._max_pending_size)


def connection_of(client: Any) -> Connection:
    """The :class:`Connection` of ``client``, up to date."""
    connection: Connection | None = client.__dict__.get(_ATTRIBUTE)
    if connection is None:
        connection = client.__dict__[_ATTRIBUTE] = Connection()
    if connection.info is not client._server_info:
        connection.refresh(client)
    return connection


def needs_credentials(client: Any) -> bool:
    """Whether the server that ``client`` spoke to last takes nobody without credentials."""
    return bool(client._server_info.get("auth_required"))


def subscriber_of(subscription: Any) -> Subscriber:
    """The :class:`Subscriber` of a ``Subscription`` without a callback."""
    jsi = subscription._jsi if "_jsi" in subscription.__dict__ else subscription._sub._jsi
    subject = subscription._subject
    if jsi is not None:  # then that is the inbox of a push consumer
        subject = jsi._ccreq.filter_subject or ""
    return Subscriber(subscription._conn, subject, subscription._queue or "")


def has_ended(subscription: Any) -> bool:
    """Whether nothing more comes from ``subscription``: it is closed, has had all that it was to
    get, or is no more. Its last message may still be worked on.
    """
    inner = getattr(subscription, "_sub", subscription)
    if inner is None or getattr(inner, "_closed", False):
        return True
    most = getattr(inner, "_max_msgs", 0)
    return 0 < most <= inner._received and inner._pending_queue.empty()


def added_size(message: Outgoing, sent: Outgoing) -> int:
    """Bytes by which the command of ``sent`` is longer than that of ``message``."""
    return _command_size(sent) - _command_size(message)


def discount(client: Any, added: int) -> int:
    """Take ``added`` bytes, ours of the message that is about to be buffered, off the buffer.

    Its limits then count the application's bytes alone, and are reached by the same message as
    without us. nats-py adds the whole command before it waits for anything
    (``Client._send_command``), so that the number is that of the application's bytes by then.
    """
    counted: int = client._pending_data_size - added
    client._pending_data_size = counted
    return counted


def take_back(client: Any, added: int, counted: int) -> None:
    """Undo :func:`discount`, which has left ``counted`` bytes, for a publish that raised.

    Not where its message was buffered before, or has even been written since: who waits too long
    for that gets an error as well.
    """
    if client._pending_data_size == counted:
        client._pending_data_size += added
    elif client._pending_data_size <= 0 and client._pending:
        recount(client)


def recount(client: Any) -> None:
    """Count what waits anew where the number says that nothing does: nats-py would not send it.

    An application's subclass may have left a message out, or sent a smaller one.
    """
    client._pending_data_size = sum(map(len, client._pending))


@guarded(None)
def discount_late(client: Any, added: int) -> None:
    """The same after another wrapper's publish, which may have buffered something else, or nothing,
    or nothing yet; for a client that has no connection.
    """
    if client._pending_data_size > added:
        client._pending_data_size -= added


def growth(size: int, sent_size: int) -> int:
    """The same for a payload without headers, of so many bytes before and after."""
    return sent_size - size + bisect_right(_DIGITS, sent_size) - bisect_right(_DIGITS, size)


def _command_size(message: Outgoing) -> int:
    """Bytes of the PUB or HPUB command, save what all of them have (nats/protocol/command.py)."""
    size = len(message.payload)
    if message.headers is None:
        return len(str(size)) + size
    headers_size = wire_size(message.headers)
    size += headers_size
    return len("H ") + len(str(headers_size)) + len(str(size)) + size


def _attributes(client: Any, info: dict[str, Any]) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {_semconv.MESSAGING_SYSTEM: _semconv.SYSTEM_NATS}
    server = client._current_server
    if server is not None and server.uri.hostname:
        attributes[_semconv.SERVER_ADDRESS] = server.uri.hostname
        if server.uri.port:
            attributes[_semconv.SERVER_PORT] = server.uri.port
    if "client_id" in info:
        attributes[_semconv.MESSAGING_CLIENT_ID] = str(info["client_id"])
    return attributes
