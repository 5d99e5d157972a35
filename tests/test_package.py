"""The distribution: metadata, entry points, names that contrib tooling reads."""

from __future__ import annotations

import os
import sysconfig
from dataclasses import fields
from importlib.metadata import distribution, entry_points, version
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import opentelemetry_instrumentation_nats_payload as package
from opentelemetry_instrumentation_nats_payload import (
    NATSInstrumentor,
    environment_variables,
)
from opentelemetry_instrumentation_nats_payload._settings import Settings
from opentelemetry_instrumentation_nats_payload.package import _instruments

_NAME = "opentelemetry-instrumentation-nats-payload"
_INSTALLED = Path(package.__file__).parent
_SOURCE = Path(__file__).parents[1] / "src" / "opentelemetry_instrumentation_nats_payload"


def _requirements() -> list[Requirement]:
    return [Requirement(text) for text in distribution(_NAME).requires or []]


def test_the_extra_instruments_is_what_the_instrumentor_asks_for() -> None:
    """The automatic path reads the metadata, the manual path the module: they agree."""
    extra = [r for r in _requirements() if r.marker and "instruments" in str(r.marker)]
    declared = {(r.name, r.specifier) for r in extra}
    assert declared == {(r.name, r.specifier) for r in map(Requirement, _instruments)}
    assert tuple(NATSInstrumentor().instrumentation_dependencies()) == _instruments


def test_dependencies_are_ranges() -> None:
    """No dependency is pinned: the package lives in other people's environments."""
    assert _requirements()
    for requirement in _requirements():
        assert requirement.specifier != SpecifierSet("")
        assert not any(spec.operator in ("==", "===") for spec in requirement.specifier)


def test_the_version_is_that_of_the_distribution() -> None:
    """version.py is the one source."""
    assert package.__version__ == version(_NAME)


def test_the_entry_points_load() -> None:
    """The instrumentor and the environment variables are found under their names."""
    (instrumentor,) = entry_points(group="opentelemetry_instrumentor", name="nats_payload")
    assert instrumentor.load() is NATSInstrumentor
    (variables,) = entry_points(group="opentelemetry_environment_variables", name="nats_payload")
    assert variables.load() is environment_variables


def test_every_setting_has_a_variable_and_every_variable_a_setting() -> None:
    """So that each setting is a flag of opentelemetry-instrument."""
    names = {name for name in dir(environment_variables) if name.startswith("OTEL_")}
    assert names == {field.metadata["variable"] for field in fields(Settings)}


@pytest.mark.parametrize("name", ["py.typed"])
def test_the_package_ships_its_types(name: str) -> None:
    """Type checkers find the marker in the installed package."""
    assert files(package).joinpath(name).is_file()


def test_the_licence_is_declared_and_shipped() -> None:
    """PEP 639: an expression and the file."""
    metadata = distribution(_NAME).metadata
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="only tox installs the wheel")
def test_under_tox_the_wheel_is_tested() -> None:
    """No test imports src/ by accident, from the current directory or an editable install."""
    assert _INSTALLED.parent == Path(sysconfig.get_path("purelib"))


def test_every_module_is_installed() -> None:
    """What is in src/ is what is imported, the marker for type checkers included."""
    assert "py.typed" in _files_of(_SOURCE)
    assert _files_of(_INSTALLED) == _files_of(_SOURCE)


def _files_of(directory: Path) -> set[str]:
    """The files below ``directory``, without what Python compiled."""
    paths = (path.relative_to(directory) for path in directory.rglob("*") if path.is_file())
    return {str(path) for path in paths if "__pycache__" not in path.parts}
