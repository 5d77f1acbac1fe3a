"""A kind of part, such as densities, and the parts that are found of it."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from noiseless.errors import InputError, unknown
from noiseless.registry.objects import NAMED, is_factory, is_named, load_object, name_of
from noiseless.registry.options import options

__all__ = ["Choice", "Kind", "Part"]

Choice = str | Callable[..., Any]
"""A part as it is chosen: by name, or the object itself."""


@dataclass(frozen=True)
class Part:
    """A part that was found.

    Arguments:
        kind: what errors call it, such as ``density``.
        name: what files and tables call it: the name that was given, options included, or ``MODULE:NAME`` of an object.
        value: the object.
        stem: ``name`` without options.
        own: whether it is the user's own: anything that is not built in.
    """

    kind: str
    name: str
    value: Any
    stem: str
    own: bool

    def build(self, *given: object) -> Any:
        """What a factory gives for ``given`` and the options in the name.

        Raises:
            InputError: an option or a value that does not exist, or the user's own factory fails.
        """
        chosen = options(self.kind, self.name, self.value, stem=self.stem, given=len(given))
        if not self.own:
            return self.value(*given, **chosen)
        try:
            return self.value(*given, **chosen)
        except InputError:
            raise
        except Exception as error:  # whatever the user's code raises
            reason = f"{type(error).__name__}: {error}"
            raise InputError(f"the {self.kind} {self.name} cannot be made from {given} ({reason})") from error

    def instance(self) -> Any:
        """The object itself; what it gives if it is a factory, a function or class that needs no argument."""
        if is_factory(self.value):
            return self.build()
        if self.name != self.stem:
            raise InputError(f"the {self.kind} {self.stem} takes no options, and was given {self.name!r}")
        return self.value

    @property
    def digest(self) -> str:
        """A hash of the source of the user's own code, which may change; empty if built in, or without source."""
        module = inspect.getmodule(self.value if hasattr(self.value, "__qualname__") else type(self.value))
        if not self.own or module is None:
            return ""
        try:
            return hashlib.blake2b(inspect.getsource(module).encode(), digest_size=8).hexdigest()
        except (OSError, TypeError):
            return ""

    @property
    def is_lasting(self) -> bool:
        """Whether the name and the digest identify it later: not so for a lambda, a partial or an instance."""
        if not self.own:
            return True
        module, colon, name = self.stem.partition(":")
        by_name = getattr(sys.modules.get(module), name, None) is self.value
        return bool(self.digest) and (by_name or not colon)


@dataclass(frozen=True)
class Kind:
    """A kind of part, and where its parts are found.

    Arguments:
        name: what errors call a part, such as ``density``.
        group: the group of entry points in which installed packages offer such parts, such as ``noiseless.densities``.
        built_in: gives the package's own parts by name.
    """

    name: str
    group: str
    built_in: Callable[[], Mapping[str, Any]] = dict

    def find(self, given: object) -> Part:
        """The part that is meant.

        Arguments:
            given: a name, with options after a colon; ``MODULE:NAME``, with options after a second colon; or the
                object.

        Raises:
            InputError: there is none, two installed packages offer it, or its module cannot be imported.
        """
        if not isinstance(given, str):
            return self._of_object(given)
        stem, known = given.partition(":")[0], self.built_in()
        if stem in known:
            return Part(self.name, given, known[stem], stem, own=False)
        installed = self._installed(stem)
        if installed is not None:
            return Part(self.name, given, _loaded(installed, self.name), stem, own=True)
        named = NAMED.fullmatch(given)
        if named is None:
            raise self.unknown(given)
        try:
            return Part(self.name, given, load_object(named[1]), named[1], own=True)
        except InputError as error:
            near = difflib.get_close_matches(stem, known, n=1)
            if near and isinstance(error.__cause__, ModuleNotFoundError):
                raise InputError(f"{error}; or did you mean the {self.name} {near[0]!r}?") from error
            raise

    def refuse_own(self, recorded: str, holder: str, how: str) -> None:
        """Refuses a part of the user's own that a file names, so that nothing is imported because of a file.

        Arguments:
            recorded: the name in the file.
            holder: what the error says has the part.
            how: how to name it again.

        Raises:
            InputError: the part is not built in.
        """
        if self.is_own(recorded):
            raise InputError(
                f"{holder} uses the {self.name} {recorded}, which is not part of noiseless; name it again {how}"
            )
        if recorded.partition(":")[0] not in self.built_in():
            raise self.unknown(recorded)

    def is_own(self, name: str) -> bool:
        """Whether a name is not of a part of the package, but reads ``MODULE:NAME`` or is an installed package's."""
        stem = name.partition(":")[0]
        return stem not in self.built_in() and (is_named(name) or stem in self.installed())

    def installed(self) -> dict[str, list[EntryPoint]]:
        """The parts that installed packages offer, by name, none of them imported."""
        found: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group):
            found.setdefault(point.name, []).append(point)
        return dict(sorted(found.items()))

    def listed(self) -> dict[str, str]:
        """A line on each part that installed packages offer, without importing it."""
        clash = f" (the built-in {self.name} has this name)"
        return {
            name: "; ".join(map(_described, points)) + clash * (name in self.built_in())
            for name, points in self.installed().items()
        }

    def unknown(self, given: str) -> InputError:
        """An error for a name that does not exist, with the nearest one that does."""
        known = [*self.built_in(), *self.installed()]
        if not known:
            return InputError(f"{given!r} is no {self.name}; give MODULE:NAME, such as my_module:my_{self.name}")
        return InputError(f"{unknown(self.name, given, known)}, or MODULE:NAME of your own")

    def _of_object(self, value: object) -> Part:
        built_in = next((name for name, part in self.built_in().items() if part is value), None)
        name = name_of(value) if built_in is None else built_in
        return Part(self.name, name, value, name, own=built_in is None)

    def _installed(self, name: str) -> EntryPoint | None:
        points = self.installed().get(name, [])
        if len({point.value for point in points}) > 1:
            raise InputError(
                f"several installed packages offer the {self.name} {name!r}: {'; '.join(map(_described, points))}; "
                f"give MODULE:NAME, such as {points[0].value}"
            )
        return points[0] if points else None


def _described(point: EntryPoint) -> str:
    package = f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return f"{point.value}{package}"


def _loaded(point: EntryPoint, kind: str) -> Any:
    try:
        return point.load()
    except Exception as error:  # whatever the installed module raises while it is imported
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"the {kind} {point.name!r} ({_described(point)}) cannot be imported ({reason})") from error
