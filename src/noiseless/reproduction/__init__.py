"""The papers' tables and figures as commands: one file a paper, found by looking into ``studies``."""

from noiseless.reproduction.images import ImageRequest
from noiseless.reproduction.request import Report, Request, find, names, write

__all__ = ["ImageRequest", "Report", "Request", "find", "names", "write"]
