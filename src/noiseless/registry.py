"""Parts of the package, of the user and of installed packages: how they are named and found, and their options.

A part (a density, a metric, a data set, ...) is chosen in one of four ways:

* by the name of a built-in one, `gmm`, with options after a colon, `gmm:32` or `gmm:components=32`;
* as an object, in Python;
* as `MODULE:NAME`, code of the user's own, with options after a second colon, `box:Box:1.1`. The module is searched for
  in the current folder first;
* by the name of an entry point of an installed package, in the group that :class:`Kind` names.

A name means the built-in part if there is one, so that installing a package never changes what a name means. Code is
imported because the user named it, never because a file does: :meth:`Kind.refuse_own` guards whatever reads a name from
a file. An entry point is no exception to this.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from noiseless.errors import InputError, unknown

__all__ = [
    "Choice",
    "Kind",
    "Part",
    "catalogue",
    "is_factory",
    "is_named",
    "load_object",
    "modality",
    "modules",
    "name_of",
    "offered",
    "options",
]

Choice = str | Callable[..., Any]
"""A part as it is chosen: by name, or the object itself."""
NAMED = re.compile(r"([A-Za-z_][\w.]*:[A-Za-z_]\w*)(?::(.*))?")


CATALOGUES = {
    "methods": ("recipes.method", "names", "METHOD"),
    "data": ("data", "names", "DATA"),
    "networks": ("autoencoder.networks", "nets", "NET"),
    "reconstructions": ("objectives.reconstruction", "names", "RECONSTRUCTION"),
    "penalties": ("objectives.penalties.penalty", "names", "PENALTY"),
    "densities": ("densities", "names", "DENSITY"),
    "features": ("metrics", "names", "FEATURES"),
    "metrics": ("metrics", "metric_names", "METRIC"),
    "tables": ("reproduction.request", "names", "STUDY"),
    "scores": ("optimisation.scores", "names", "SCORE"),
    "searches": ("optimisation", "names", "SEARCH"),
}
"""Of each kind of part, the module, its function that gives a line on each by name, and its :class:`Kind`."""


def catalogue(what: str) -> dict[str, str]:
    """Everything that there is of a kind, by name, with a line on each; parts of installed packages are not imported.

    Arguments:
        what: methods, data, networks, reconstructions, penalties, densities, features, metrics, tables, scores or
            searches.

    Raises:
        InputError: another kind.
    """
    if what not in CATALOGUES:
        raise unknown("list", what, CATALOGUES)
    module, names, kind = CATALOGUES[what]
    place = importlib.import_module(f"noiseless.{module}")
    found = {name: _line(name, part) for name, part in getattr(place, names)().items()}
    installed = {name: f"from {text}" for name, text in getattr(place, kind).listed().items()}
    return found | {f"{name} (installed)" if name in found else name: text for name, text in installed.items()}


def _line(name: str, part: str | Callable[..., Any]) -> str:
    """What is said of a part: a text, or the first line of its docstring."""
    return part if isinstance(part, str) else (inspect.getdoc(part) or name).splitlines()[0]


def modules(package: str) -> list[ModuleType]:
    """The modules of a package, imported."""
    folders = importlib.import_module(package).__path__
    return [importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(folders)]


def offered(package: str, table: str) -> dict[str, Any]:
    """What the modules of a package offer by name, in their dictionaries called `table`."""
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


def is_named(source: str) -> bool:
    """Whether `source` reads `MODULE:NAME`, with or without options.

    >>> is_named("my.data:faces"), is_named("my.data:faces:64"), is_named("C:/faces")
    (True, True, False)
    """
    return NAMED.fullmatch(source) is not None


@dataclass(frozen=True)
class Part:
    """A part that was found.

    Arguments:
        kind: what errors call it, such as `density`.
        name: what files and tables call it: the name that was given, options included, or `MODULE:NAME` of an object.
        value: the object.
        stem: `name` without options.
        own: whether it is the user's own: anything that is not built in.
    """

    kind: str
    name: str
    value: Any
    stem: str
    own: bool

    def build(self, *given: object) -> Any:
        """What a factory gives for `given` and the options in the name.

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
        name: what errors call a part, such as `density`.
        group: the group of entry points in which installed packages offer such parts, such as `noiseless.densities`.
        built_in: gives the package's own parts by name.
    """

    name: str
    group: str
    built_in: Callable[[], Mapping[str, Any]] = dict

    def find(self, given: object) -> Part:
        """The part that is meant.

        Arguments:
            given: a name, with options after a colon; `MODULE:NAME`, with options after a second colon; or the object.

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
            article = "an" if self.name[0] in "aeiou" else "a"
            raise InputError(f"{holder} has {article} {self.name} that is not ours, {recorded}; name it again {how}")
        if recorded.partition(":")[0] not in self.built_in():
            raise self.unknown(recorded)

    def is_own(self, name: str) -> bool:
        """Whether a name is not of a part of the package, but reads `MODULE:NAME` or is an installed package's."""
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


def load_object(source: str) -> Any:
    """What `MODULE:NAME` names.

    Raises:
        InputError: it reads otherwise, the module cannot be imported, or has no such name.
    """
    if not is_named(source):
        raise InputError(f"{source!r} is no code of yours; give MODULE:NAME, such as my_module:my_function")
    module, _, name = source.partition(":")
    found = vars(_imported(module))
    if name not in found:
        public = [key for key, value in found.items() if key[0] != "_" and not isinstance(value, ModuleType)]
        raise unknown(f"name in the module {module}", name, public)
    return found[name]


def name_of(value: object) -> str:
    """`MODULE:NAME` of a function or class; of a partial its function's, of another object its class's.

    >>> name_of(options)
    'noiseless.registry:options'
    """
    if isinstance(value, partial):
        return name_of(value.func)
    named: Any = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}:{named.__qualname__}"


def is_factory(value: object) -> bool:
    """Whether `value` is called to make a part, rather than being one: a function or class without required arguments.

    >>> is_factory(lambda side=64: side), is_factory(len)
    (True, False)
    """
    if not callable(value):
        return False
    try:
        return all(p.default is not p.empty for p in inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return False


def options(kind: str, name: str, make: Callable[..., Any], *, stem: str = "", given: int = 1) -> dict[str, Any]:
    """The options in a name: values in the order of the signature or ``option=value``, separated by commas.

    Arguments:
        kind: what errors call it.
        name: such as ``gmm:32`` or ``gmm:components=32``.
        make: whose parameters are the options; their defaults say the types.
        stem: `name` without options; what precedes its first colon by default.
        given: how many parameters, the first ones, are no options.

    Raises:
        InputError: an option or a value that does not exist.
    """
    stem = stem or name.partition(":")[0]
    rest = name[len(stem) + 1 :]
    if not rest and name == stem:
        return {}
    values = rest.split(",")
    defaults = _defaults(make, given)
    if len(values) > len(defaults):
        takes = f"{len(defaults)} options ({', '.join(defaults)})" if defaults else "no options"
        raise InputError(f"{kind} {stem!r} takes {takes}, and was given {', '.join(values)!r}")
    found: dict[str, Any] = {}
    for position, text in zip(defaults, values, strict=False):
        left, equals, right = text.partition("=")
        option, value = (left, right) if equals else (position, left)
        if option not in defaults:
            raise unknown(f"option of {kind} {stem}", option, defaults)
        found[option] = _value(f"{kind} {stem!r}", option, type(defaults[option]), value)
    return found


def _defaults(make: Callable[..., Any], given: int) -> dict[str, bool | int | float | str]:
    """The parameters that can be options: numbers and texts with a default."""
    defaults = {p.name: p.default for p in list(inspect.signature(make).parameters.values())[given:]}
    return {name: value for name, value in defaults.items() if isinstance(value, bool | int | float | str)}


def _value(what: str, option: str, wanted: type, text: str) -> Any:
    try:
        return {"true": True, "false": False}[text] if wanted is bool else wanted(text)
    except (KeyError, ValueError):
        raise InputError(f"option {option!r} of {what} must be {wanted.__name__}, not {text!r}") from None


def _described(point: EntryPoint) -> str:
    package = f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return f"{point.value}{package}"


def _loaded(point: EntryPoint, kind: str) -> Any:
    try:
        return point.load()
    except Exception as error:  # whatever the installed module raises while it is imported
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"the {kind} {point.name!r} ({_described(point)}) cannot be imported ({reason})") from error


def _imported(module: str) -> ModuleType:
    try:
        with _current_folder_first():
            return importlib.import_module(module)
    except Exception as error:  # whatever the user's module raises while it is imported
        raise InputError(
            f"the module {module!r} cannot be imported ({type(error).__name__}: {error}); "
            "give MODULE:NAME with a module in the current folder or installed"
        ) from error


@contextmanager
def _current_folder_first() -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = before
