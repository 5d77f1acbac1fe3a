"""Parts of the package, of the user and of installed packages: how they are named and found, and their options.

A part (a density, a metric, a data set, ...) is chosen in one of four ways:

* by the name of a built-in one, ``gmm``, with options after a colon, ``gmm:32`` or ``gmm:components=32``;
* as an object, in Python;
* as ``MODULE:NAME``, code of the user's own, with options after a second colon, ``box:Box:1.1``. The module is searched
  for in the current folder first;
* by the name of an entry point of an installed package, in the group that :class:`Kind` names.

A name means the built-in part if there is one, so that installing a package never changes what a name means. Code is
imported because the user named it, never because a file does: :meth:`Kind.refuse_own` guards whatever reads a name from
a file. An entry point is no exception to this.
"""

from noiseless.registry.catalogue import catalogue
from noiseless.registry.discovery import modality, modules, offered
from noiseless.registry.kind import Choice, Kind, Part
from noiseless.registry.objects import is_factory, is_named, load_object, name_of
from noiseless.registry.options import options
from noiseless.registry.settings import check_types, settings

__all__ = [
    "Choice",
    "Kind",
    "Part",
    "catalogue",
    "check_types",
    "is_factory",
    "is_named",
    "load_object",
    "modality",
    "modules",
    "name_of",
    "offered",
    "options",
    "settings",
]
