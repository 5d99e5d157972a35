"""Which module an import takes how much resident memory for; for processes that are measured."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def resident_kibibytes() -> float:
    """Of this process; 0 where there is no /proc."""
    try:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


class Resident(MetaPathFinder):
    """Notes what each module adds from now on, without what it imports itself.

    Attributes:
        own: KiB by module.
    """

    def __init__(self) -> None:
        self.own: dict[str, float] = {}
        self._imported: list[float] = []
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find, with a loader that is watched."""
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                spec.loader = spec.loader and _Watched(self, spec.loader)
                return spec
        return None

    @contextmanager
    def count(self, name: str) -> Generator[None]:
        """Count what a block adds as that of the module ``name``."""
        self._imported.append(0.0)
        before = resident_kibibytes()
        try:
            yield
        finally:
            added = resident_kibibytes() - before
            self.own[name] = self.own.get(name, 0.0) + added - self._imported.pop()
            if self._imported:
                self._imported[-1] += added


class _Watched(Loader):
    def __init__(self, resident: Resident, loader: Loader) -> None:
        self._resident = resident
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        with self._resident.count(spec.name):
            return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with self._resident.count(module.__name__):
            self._loader.exec_module(module)
