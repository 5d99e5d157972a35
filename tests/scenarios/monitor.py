"""What the server says of a run: its counters, connections, streams and consumers."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlparse

from .values import Size, Traffic

_SECONDS = 5.0
_COUNTERS = {
    "varz": ("in_msgs", "in_bytes", "out_msgs", "out_bytes", "slow_consumers", "stalled_clients"),
    "subsz": ("num_inserts", "num_removes"),
}
_TIMES = {
    "created", "ts", "first_ts", "last_ts", "last_active", "time", "active", "timestamp",
}  # fmt: skip
_GENERATED = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Za-z]{22}(?:[0-9a-f]{4})?)(?![0-9A-Za-z])")
_CONNECTION = (
    "name", "lang", "subscriptions", "in_msgs", "in_bytes", "out_msgs", "out_bytes",
    "subscriptions_list", "account", "verbose", "pedantic", "stalls", "kind",
)  # fmt: skip
_BYTES = {"in_bytes": Traffic, "out_bytes": Traffic, "bytes": Size}

Snapshot = dict[str, Any]


class Monitor:
    """A server's monitoring port, and the way to empty the server between two runs.

    Args:
        url: where clients connect.
        monitoring: the URL of the monitoring port.
    """

    def __init__(self, url: str, monitoring: str) -> None:
        self.url = url
        self._http = HTTPConnection(urlparse(monitoring).netloc, timeout=_SECONDS)

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _get(self, path: str) -> dict[str, Any]:
        self._http.request("GET", f"/{path}")
        return json.loads(self._http.getresponse().read())

    def counters(self) -> dict[str, int]:
        """What only grows, of the whole server."""
        counters: dict[str, int] = {}
        for path, names in _COUNTERS.items():
            found = self._get(path)
            counters.update({name: int(found.get(name, 0)) for name in names})
            if "jetstream" in found:
                api = found["jetstream"]["stats"]["api"]
                counters.update({f"api_{name}": int(api[name]) for name in ("total", "errors")})
        return counters

    def connections(self) -> int:
        """How many clients are connected."""
        return int(self._get("connz")["num_connections"])

    def streams(self) -> list[dict[str, Any]]:
        """The streams with their consumers, as ``/jsz`` has them."""
        details = self._get("jsz?streams=1&consumers=1&config=1").get("account_details", [])
        return [stream for account in details for stream in account.get("stream_detail", [])]

    def snapshot(self, before: dict[str, int]) -> Snapshot:
        """Everything that is compared, since ``before``."""
        after = self.counters()
        grown = {name: after[name] - before[name] for name in after}
        if grown["api_total"]:  # the server's own subscriptions come and go when it likes
            grown = {name: n for name, n in grown.items() if name not in _COUNTERS["subsz"]}
        clients = self._get("connz?subs=1&sort=cid")["connections"]
        return {
            "counters": _plain(grown),
            "clients": [_client(client) for client in clients],
            "streams": sorted((_stream(s) for s in self.streams()), key=str),
        }

    def consumers(self, stream: str) -> list[dict[str, Any]]:
        """The consumers of a stream."""
        return [
            consumer
            for detail in self.streams()
            if detail["name"] == stream
            for consumer in detail.get("consumer_detail") or ()
        ]

    def wait(self, condition: Callable[[], bool]) -> bool:
        """Ask until it is so; False if it does not come to be."""
        deadline = time.monotonic() + _SECONDS
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def clear(self) -> None:
        """Delete every stream, by the protocol itself: nats-py may be instrumented."""
        names = [str(stream["name"]) for stream in self.streams()]
        address = urlparse(self.url)
        if not names:
            return
        with (
            socket.create_connection((address.hostname or "", address.port or 0)) as connection,
            connection.makefile("rb") as lines,
        ):
            connection.settimeout(_SECONDS)
            requests = [f"PUB $JS.API.STREAM.DELETE.{name} cleared 0\r\n\r\n" for name in names]
            text = 'CONNECT {"verbose":false}\r\nSUB cleared 1\r\n' + "".join(requests)
            connection.sendall(text.encode())
            answers = 0
            while answers < len(names):
                answers += lines.readline().startswith(b"MSG cleared ")


def _client(client: dict[str, Any]) -> dict[str, Any]:
    known = {name: client[name] for name in _CONNECTION if name in client}
    known["subscriptions_list"] = sorted(map(_steady, client.get("subscriptions_list") or ()))
    return _plain(known)


def _stream(stream: dict[str, Any]) -> dict[str, Any]:
    """KV and object stores are never written to, so that their bytes are always the same."""
    known = {name: stream[name] for name in ("name", "config", "state")}
    consumers = [_plain(c) for c in stream.get("consumer_detail") or ()]
    for consumer in consumers:
        consumer.pop("push_bound", None)
        consumer.pop("num_waiting", None)
    known["consumers"] = sorted(consumers, key=str)
    return _plain(known, is_exact=stream["name"].startswith(("KV_", "OBJ_")))


def _plain(value: Any, name: str = "", *, is_exact: bool = False) -> Any:
    if isinstance(value, dict):
        items: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {k: _plain(v, k, is_exact=is_exact) for k, v in items.items() if k not in _TIMES}
    if isinstance(value, list):
        entries: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return [_plain(entry, is_exact=is_exact) for entry in entries]
    if isinstance(value, str):
        if name == "name" and re.fullmatch(r"[0-9A-Za-z]{8}", value):
            return "<consumer>"
        return _steady(value)
    return _BYTES[name](value) if name in _BYTES and not is_exact else value


def _steady(text: str) -> str:
    return _GENERATED.sub("<id>", text)
