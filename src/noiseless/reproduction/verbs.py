"""Reproduction as a function: a table or a figure of a paper, made again and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

from noiseless.errors import InputError
from noiseless.files import slug
from noiseless.registry import Choice
from noiseless.reproduction.request import STUDY, Report, Request, find, write
from noiseless.training import check_device, threads

__all__ = ["reproduce"]


def reproduce(study: Choice, request: Request | None = None) -> tuple[Report, list[Path]]:
    """Makes a table or a figure of a paper again, measured beside published; finished work is reused.

    Arguments:
        study: one of ``noiseless.catalogue("tables")``, or a function of a request.
        request: what, how large and where; which kind of request a study takes stands in its signature. By default the
            study's own defaults, if all of its options have such.

    Returns:
        The report, and the files that were written.

    Raises:
        InputError: there is no such study, it cannot be made so, or a report would take another's place.
    """
    made, name = find(study), slug(STUDY.find(study).name)
    request = _default(made, name) if request is None else request
    check_device(request.device if request.device != "auto" else "cpu")
    with threads(request.threads):
        report = made(request)
    return report, write(report, request.place(name), request.overwrite)


def _default(study: Any, name: str) -> Request:
    kind: Any = get_type_hints(study)["request"]
    try:
        made: Request = kind()
    except TypeError as error:
        raise InputError(f"the study {name} needs a request that says on which data: {kind.__name__}(...)") from error
    return made
