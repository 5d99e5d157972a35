"""Compares the distributions that ``python -m tox -e package`` built.

``python tests/distributions.py DIST FROM_TREE``: DIST holds the sdist and the wheel that was built
from it, FROM_TREE the wheel that was built from the working tree.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PACKAGE = "opentelemetry_instrumentation_nats_payload"
_LEFT_OUT = ".ci/"
"""What is tracked and is no part of the sdist: a script that looks for Pythons and runs tox."""


def main() -> None:
    """Exit with a message if a distribution lacks something, or the wheels differ."""
    dist, from_tree = map(Path, sys.argv[1:3])
    wheel, other = _wheel(dist), _wheel(from_tree)
    problems = [
        *_named("in one of the wheels only", set(wheel) ^ set(other)),
        *_named("not the same in the wheels", {n for n in wheel if wheel[n] != other.get(n)}),
        *_named("not in the wheel", _sources() - set(wheel)),
        *_named("not in the sdist", _tracked() - _names_of_sdist(dist)),
    ]
    if problems:
        sys.exit("\n".join(problems))
    sys.stdout.write(f"{len(wheel)} files in both wheels; the sdist has every tracked file\n")


def _named(what: str, names: set[str]) -> list[str]:
    return [f"{what}: {name}" for name in sorted(names)]


def _wheel(directory: Path) -> dict[str, bytes]:
    """The files of the one wheel in ``directory``."""
    [path] = directory.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def _names_of_sdist(directory: Path) -> set[str]:
    """The files of the one sdist in ``directory``, without its own folder."""
    [path] = directory.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        return {member.name.partition("/")[2] for member in sdist if member.isfile()}


def _sources() -> set[str]:
    """Every module of the package, and the marker of its types."""
    source = _ROOT / "src"
    modules = (source / _PACKAGE).rglob("*.py")
    return {str(path.relative_to(source)) for path in modules} | {f"{_PACKAGE}/py.typed"}


def _tracked() -> set[str]:
    """The files that git knows; none outside of a clone, such as in an unpacked sdist."""
    if not (_ROOT / ".git").exists():
        return set()
    command = ["git", "-C", str(_ROOT), "ls-files", "-z"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = filter(None, done.stdout.split("\0"))
    return {name for name in names if not name.startswith(_LEFT_OUT)}


if __name__ == "__main__":
    main()
