"""What a subcommand of ``anyseg`` is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

COMMAND_GROUP = "anyseg.commands"
"""Entry points of this group are subcommands, so that other packages can bring their own."""


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand.

    Attributes:
        name: what the user types.
        summary: one line for the list of commands.
        add_arguments: declares its options.
        run: does the work and returns the exit code; raises AnysegError for bad input.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
