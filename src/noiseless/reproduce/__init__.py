"""The papers' tables and figures as commands: one file a study, found by looking into this folder."""

from noiseless.reproduce.request import Report, Request, find, names, write

__all__ = ["Report", "Request", "find", "names", "write"]
