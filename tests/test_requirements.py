"""What tox installs is pinned with hashes, and is what pyproject.toml asks for."""

from __future__ import annotations

import configparser
import os
import re
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT = Path(__file__).parents[1]
_LOCKS = {path.stem: path for path in sorted((_ROOT / "requirements").glob("*.txt"))}
_WITH_THE_PACKAGE = {"demo", "docs", "latest", "neighbours", "oldest", "soak", "types"}
_WITH_ITS_EXTRAS = _WITH_THE_PACKAGE - {"demo", "docs"}
_FILES = {
    "demo": "examples/trading_pipeline/requirements.txt",
    "oldest": "requirements/oldest.in",
}
_PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
_NOT_PINNED = {"opentelemetry-instrumentation-nats-payload", "pip", "setuptools"}
_LINE = re.compile(
    r"(?P<requirement>[a-z0-9-]+==[\w.]+( ; [^\\]+)?) \\\n"
    r"(    --hash=sha256:[0-9a-f]{64} \\\n)*    --hash=sha256:[0-9a-f]{64}\n"
)
_by_lock = pytest.mark.parametrize("name", _LOCKS)
# tomllib comes with Python 3.11.
_needs_tomllib = pytest.mark.skipif(sys.version_info < (3, 11), reason="no tomllib")


def _tox() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(_ROOT / "tox.ini")
    return parser


def _pyproject() -> dict[str, Any]:
    import tomllib

    return tomllib.loads((_ROOT / "pyproject.toml").read_text())


def _group(groups: dict[str, Any], name: str) -> list[str]:
    """The requirements of a dependency group, with those of the groups that it includes."""
    found: list[str] = []
    for item in groups[name]:
        found += [item] if isinstance(item, str) else _group(groups, item["include-group"])
    return found


def _asked_for(name: str) -> list[Requirement]:
    """What ``requirements/<name>.txt`` was made of."""
    pyproject = _pyproject()
    texts: list[str] = []
    if name in _WITH_THE_PACKAGE:
        texts += pyproject["project"]["dependencies"]
    if name in _WITH_ITS_EXTRAS:
        extras = pyproject["project"]["optional-dependencies"]
        texts += [text for extra in extras.values() for text in extra]
    if name in _FILES:
        lines = [line.partition("#")[0] for line in (_ROOT / _FILES[name]).read_text().split("\n")]
        texts += [line for line in lines if line.strip()]
    if name != "demo":
        group = "test" if name == "oldest" else name
        texts += _group(pyproject["dependency-groups"], group)
    return [Requirement(text) for text in texts]


def _pinned(name: str, environment: dict[str, str] | None = None) -> dict[str, str]:
    """Each package of a lock with its version, as ``environment`` (default: this one) has it."""
    pins: dict[str, str] = {}
    for match in _LINE.finditer(_LOCKS[name].read_text()):
        requirement = Requirement(match["requirement"])
        if _applies(requirement.marker, environment):
            assert canonicalize_name(requirement.name) not in pins
            [pin] = requirement.specifier
            pins[canonicalize_name(requirement.name)] = pin.version
    return pins


def _applies(marker: Marker | None, environment: dict[str, str] | None) -> bool:
    return marker is None or marker.evaluate(environment)


@_by_lock
def test_every_line_is_a_version_with_hashes(name: str) -> None:
    """No address, option, index or file beside them: only comments."""
    rest = _LINE.sub("", _LOCKS[name].read_text())
    assert [line for line in rest.splitlines() if not line.lstrip().startswith("#")] == []
    assert _pinned(name)


@_needs_tomllib
@pytest.mark.parametrize("python", _PYTHONS)
@_by_lock
def test_a_lock_has_what_is_asked_for(name: str, python: str) -> None:
    """In a version that is allowed, for every Python."""
    if (name, python) == ("tox", "3.10"):
        pytest.skip("tox does not run on Python 3.10")
    environment = {
        "python_version": python, "python_full_version": f"{python}.9", "sys_platform": "linux",
        "platform_machine": "x86_64", "platform_python_implementation": "CPython",
        "implementation_name": "cpython", "os_name": "posix", "platform_system": "Linux",
    }  # fmt: skip
    pins = _pinned(name, environment)
    for asked in _asked_for(name):
        if _applies(asked.marker, environment):
            version = pins[canonicalize_name(asked.name)]
            assert asked.specifier.contains(version, prereleases=True), asked


def test_every_environment_installs_what_is_locked() -> None:
    """But the one that tries what is newest; and package dependencies are held to the lock."""
    tox = _tox()
    assert tox["testenv"]["constrain_package_deps"] == "true"
    used: set[str] = set()
    for section in tox.sections():
        lines = tox[section].get("deps", "").split("\n")
        matches = [re.fullmatch(r"(?:\w+: )?-r requirements/(\w+)\.txt", x) for x in lines if x]
        assert all(matches), section
        used.update(match[1] for match in matches if match)
        assert bool(matches) != ("newest" in section) or section in ("tox", "pkgenv"), section
        assert ("dependency_groups" in tox[section]) == ("newest" in section)
    # The build backend, and what runs tox in the workflows.
    assert set(_LOCKS) - used == {"build", "tox"}


def test_what_builds_a_package_is_locked() -> None:
    """The backend of this one, and those of packages that have no wheel."""
    tox = _tox()
    build = "{tox_root}/requirements/build.txt"
    assert tox["pkgenv"]["set_env"] == f"PIP_CONSTRAINT = {build}"
    assert f"PIP_BUILD_CONSTRAINT = {build}" in tox["testenv"]["set_env"]
    assert "--no-isolation" in tox["testenv:package"]["commands"]


@pytest.mark.parametrize(
    ("section", "option", "left_out"),
    [("lock", "-o", set[str]()), ("audit-dependencies", "-r", {"oldest"})],
)
def test_one_command_is_for_every_lock(section: str, option: str, left_out: set[str]) -> None:
    """To renew them; and to look for known vulnerabilities, save in what is old on purpose."""
    commands = _tox()[f"testenv:{section}"]["commands"]
    assert sorted(re.findall(rf"{option} requirements/(\w+)\.txt", commands)) == sorted(
        set(_LOCKS) - left_out
    )


def test_workflows_install_tox_with_its_hashes() -> None:
    """And by pip nothing else."""
    for workflow in (_ROOT / ".github" / "workflows").glob("*.yml"):
        for command in re.findall(r"pip install.*", workflow.read_text()):
            assert command == "pip install --require-hashes -r requirements/tox.txt"


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="only tox installs the locks")
def test_what_is_installed_is_what_is_locked() -> None:
    """Nothing else came in, by a dependency or a build."""
    lock = os.environ["TOX_ENV_NAME"].rpartition("-")[2]
    if lock not in _LOCKS:
        pytest.skip(f"{lock} is not locked")
    # Not those on sys.path, where pkg_resources has packages of its own.
    found = distributions(path=[sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    installed = {canonicalize_name(dist.name): dist.version for dist in found}
    assert {k: v for k, v in installed.items() if k not in _NOT_PINNED} == {
        k: v for k, v in _pinned(lock).items() if k not in _NOT_PINNED
    }
