"""The command line. Importing it imports no array library: each command loads what it needs."""

from feedtwin.cli.app import app, main

__all__ = ["app", "main"]
