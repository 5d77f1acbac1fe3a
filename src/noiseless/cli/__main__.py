"""``python -m noiseless.cli``: the command line without its script."""

from noiseless.cli.app import main

main()
