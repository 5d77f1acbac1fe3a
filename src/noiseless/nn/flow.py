"""The optional package zuko, which provides normalising flows; imported only when a flow is built."""

from __future__ import annotations

from types import ModuleType

from noiseless.errors import InputError

__all__ = ["zuko"]


def zuko(what: str) -> ModuleType:
    """The package zuko.

    Arguments:
        what: what needs it, for the error message.

    Raises:
        InputError: it is not installed.
    """
    try:
        import zuko
    except ImportError as error:
        raise InputError(f"{what} needs zuko; pip install 'noiseless[flow]'") from error
    return zuko
