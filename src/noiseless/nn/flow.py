"""The package that normalising flows come from: zuko, an extra, imported when a flow is made and not before."""

from __future__ import annotations

from types import ModuleType

from noiseless.errors import InputError

__all__ = ["zuko"]


def zuko(what: str) -> ModuleType:
    """The package zuko.

    Arguments:
        what: what needs it, as the error says.

    Raises:
        InputError: it is not installed.
    """
    try:
        import zuko
    except ImportError as error:
        raise InputError(f"{what} needs zuko; pip install 'noiseless[flow]'") from error
    return zuko
