"""nats-trace-audit where it cannot listen: one line that says why, and exit code 2."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from audit_cli import environment, executable, fails, forget, said

_SHORT = ("--seconds", "0.1")
_NOTHING = r"no message on > in \d\.\d s\."


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The machine says nothing of NATS."""
    forget(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("urls", "pattern"),
    [
        ("127.0.0.1:1", r"no server at 127\.0\.0\.1:1: .*Connect call failed.*"),
        ("nats://bob:s3cret@127.0.0.1:1", r"no server at 127\.0\.0\.1:1: .*"),
        ("127.0.0.1:1,tls://127.0.0.1:2", r"no server at 127\.0\.0\.1:1, 127\.0\.0\.1:2: .*"),
        ("nats://[::1]:1", r"no server at \[::1\]:1: .*"),
        ("nats://bob:s3cret@h:port", r"'h:port' is no URL of a server, .*"),
        ("nats://bob:1#s3cret@h:4222", r"'h:4222' is no URL of a server, .*"),
        ("nats://bob:1/s3cret@h:4222", r"'h:4222' is no URL of a server, .*"),
        ("http://h", r"'http://h' is no URL of a server, .*"),
        (",", "--server names no server"),
    ],
)
def test_no_server(capsys: pytest.CaptureFixture[str], urls: str, pattern: str) -> None:
    """The servers are named, without the credentials that may be in their URLs."""
    fails(capsys, pattern, "--server", urls)


def test_something_else_listens_there(capsys: pytest.CaptureFixture[str]) -> None:
    """What answers is no NATS server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"127.0.0.1:{listener.getsockname()[1]}"
        fails(capsys, rf"cannot connect to {url}: .*expecting INFO.*", "--server", url)
        thread.join()


@pytest.mark.parametrize("subject", ["a..b", ".a", "a b", "a.>.b", "a*", "a.\udcff", ""])
def test_a_bad_pattern(capsys: pytest.CaptureFixture[str], subject: str) -> None:
    """It is named before anything is connected."""
    fails(capsys, r"'.*' is no subject: tokens are .*", subject)
    fails(capsys, r"'.*' is no subject: tokens are .*", "--exclude", subject)


def test_a_bad_trace_id(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither digits, nor a traceparent."""
    for text in ("xyz", "0" * 32, "00-abc-01"):
        fails(capsys, rf"'{text}' is no trace id: .*", "--follow", text)


def test_follow_is_not_about_all_messages(capsys: pytest.CaptureFixture[str]) -> None:
    """--fail-under would always be 100 %."""
    fails(capsys, "--fail-under is .*", "--follow", "1" * 32, "--fail-under", "9")


def test_no_messages(capsys: pytest.CaptureFixture[str], server: str) -> None:
    """Nothing heard is no proof; arguments stand in any order."""
    fails(capsys, _NOTHING, "--server", server, *_SHORT)
    fails(capsys, r"no message on a, b in .*", "a", "--server", server, *_SHORT, "b")
    pattern = r"no message of this trace on a in .*"
    fails(capsys, pattern, "--follow", "1" * 32, "--server", server, *_SHORT, "a")


def test_no_messages_as_json(capsys: pytest.CaptureFixture[str], server: str) -> None:
    """The document is there as well."""
    result = said(capsys, "--server", server, *_SHORT, "--json")
    assert (result.code, '"messages": 0' in result.out) == (2, True)
    assert re.fullmatch(f"nats-trace-audit: {_NOTHING}\n", result.err)


def test_options_that_argparse_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    """They end with 2 as well, and -h with 0."""
    for arguments, code in (
        (("--seconds", "0"), 2),
        (("--seconds", "nan"), 2),
        (("--messages", "1.5"), 2),
        (("--fail-under", "101"), 2),
        (("--sec", "1"), 2),
        (("-h",), 0),
    ):
        with pytest.raises(SystemExit) as ended:
            said(capsys, *arguments)
        assert ended.value.code == code


@pytest.mark.parametrize("package", ["nats", "rich"])
def test_the_extra_is_missing(tmp_path: Path, package: str) -> None:
    """One line that says what to install."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')\n"
    )
    done = subprocess.run(
        [sys.executable, executable("nats-trace-audit")],
        env=environment({"PYTHONPATH": str(tmp_path)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    message = (
        f"nats-trace-audit: the package '{package}' is missing: "
        "pip install 'opentelemetry-instrumentation-nats-payload[audit]'\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
