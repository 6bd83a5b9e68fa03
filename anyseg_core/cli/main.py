"""Entry point of the ``anyseg`` command: finds the subcommands and runs one."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from anyseg_core import __version__
from anyseg_core.cli.command import COMMAND_GROUP, Command
from anyseg_core.errors import AnysegError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        0 for success, 2 for bad usage or bad input, with one line on standard error.
    """
    found = {entry.name: entry for entry in entry_points(group=COMMAND_GROUP)}
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # only the command asked for is imported: the others may be slow, or lack a package
        names = [words[0]] if words and words[0] in found else sorted(found)
        parser = _parser([_load(found[name]) for name in names])
        options = parser.parse_args(words)
        return int(options.run(options))
    except AnysegError as error:
        print(f"anyseg: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("anyseg: interrupted", file=sys.stderr)
        return 130


def _load(entry: EntryPoint) -> Command:
    try:
        command = entry.load()
    except ImportError as error:
        raise MissingDependencyError(
            f"no module {error.name!r}",
            f"the packages that 'anyseg {entry.name}' needs",
            "install anyseg with its extras: pip install '.[ros,simulation,bags]'",
        ) from error
    assert isinstance(command, Command)  # a packaging mistake, not the user's
    return command


def _parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anyseg", description="Semantic segmentation with whatever sensors are left."
    )
    parser.add_argument("--version", action="version", version=f"anyseg {__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in commands:
        subparser = subparsers.add_parser(
            command.name, help=command.summary, description=command.summary
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
