"""The command line, generated from signatures; a verb group a module, and only the verb that is used is imported."""

from noiseless.cli.app import main, run

__all__ = ["main", "run"]
