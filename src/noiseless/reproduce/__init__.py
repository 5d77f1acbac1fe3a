"""The papers' tables and figures as commands: one file a paper, found by looking into `studies`."""

from noiseless.reproduce.images import ImageRequest
from noiseless.reproduce.request import Report, Request, find, names, write

__all__ = ["ImageRequest", "Report", "Request", "find", "names", "write"]
