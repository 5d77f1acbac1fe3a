"""What the package itself offers: the tables of the modules in a folder, so that a new part touches one file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

from noiseless.errors import unknown

__all__ = ["modality", "modules", "offered"]


def modules(package: str) -> list[ModuleType]:
    """The modules of a package, imported."""
    folders = importlib.import_module(package).__path__
    return [importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(folders)]


def offered(package: str, table: str) -> dict[str, Any]:
    """What the modules of a package offer by name, in their dictionaries called ``table``."""
    return {name: value for module in modules(package) for name, value in getattr(module, table, {}).items()}


def modality(name: str) -> Any:
    """The object of :mod:`noiseless.modalities` for a kind of data, :attr:`noiseless.values.Spec.modality`.

    Rooms below :mod:`noiseless.modalities` ask for it here instead of importing it. Each declares as an abstract class
    what it has to know about a kind of data, and takes the object as an instance of that class.
    """
    known = _modalities()
    if name not in known:
        raise unknown("kind of data", name, known)
    return known[name]


@cache
def _modalities() -> dict[str, Any]:
    return offered("noiseless.modalities", "MODALITIES")
