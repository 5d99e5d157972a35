"""The page about nats-trace-audit: complete, and its configuration works."""

from __future__ import annotations

import re
from pathlib import Path

import nats
import pytest

from audit_cli import FIELD, MONITORED, Monitor, Run
from conftest import StartServer
from opentelemetry_instrumentation_nats_payload._audit.cli import parser
from opentelemetry_instrumentation_nats_payload._audit.connection import VARIABLES
from opentelemetry_instrumentation_nats_payload._audit.heard import Heard
from opentelemetry_instrumentation_nats_payload._audit.tally import Tally

_PAGE = (Path(__file__).parent.parent / "docs" / "audit.rst").read_text()


def test_every_option_is_there() -> None:
    """With its variable, in the order of --help, and none that there is not."""
    rows = re.findall(r"\* - ``(--[a-z-]+)[^`]*``\n     -(?: ``(\w+)``)?\n", _PAGE)
    options = re.findall(r"^  (--[a-z-]+)", parser().format_help(), re.MULTILINE)
    variables = {f"--{option}": variable for option, variable in VARIABLES.items()}
    variables["--context"] = "NATS_CONTEXT"
    assert rows == [(option, variables.get(option, "")) for option in options]


def test_every_count_is_there() -> None:
    """Those of a subject in the table of columns, the others in what follows or in the example."""
    rows = re.findall(r"   \* - [A-Z][a-z ]+\n     - ``(\w+)``", _PAGE)
    assert sorted(rows) == sorted(["subject", *Tally().counts()])
    for name in vars(Heard()):
        assert f'"{name}": ' in _PAGE


async def test_the_user_of_the_page(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The audit runs as that user, who cannot publish, and the server has no complaint."""
    configuration = re.search(r"    authorization \{\n.*?\n    \}\n", _PAGE, re.DOTALL)
    assert configuration is not None
    monkeypatch.setenv("AUDIT_PASSWORD", "s3cret")
    service = '{ user: "service", password: "pw" }\n        {\n          user: "audit"'
    users = configuration.group().replace('{\n          user: "audit"', service)
    url = start_server(f"{MONITORED}\n{users}")
    run = Run(
        *("--server", url, "--json", "--messages", "1"),
        environ={"NATS_USER": "audit", "NATS_PASSWORD": "s3cret"},
    )
    await Monitor(url, tmp_path).listening()
    complaints: list[Exception] = []

    async def on_error(error: Exception) -> None:
        complaints.append(error)

    auditor = await nats.connect(url, user="audit", password="s3cret", error_cb=on_error)
    await auditor.publish("orders", FIELD)
    await auditor.flush()
    service_client = await nats.connect(url, user="service", password="pw")
    await service_client.publish("orders", FIELD)
    done = await run.ended()
    await auditor.close()
    await service_client.close()
    assert "permissions violation for publish" in str(complaints[0]).lower()
    assert (done.code, done.document["problems"]) == (0, [])
