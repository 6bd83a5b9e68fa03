"""``anyseg benchmark node``: its options; what needs ROS is imported when it runs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from anyseg_core.cli.command import Command
from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.types import MODALITY_LETTERS

if TYPE_CHECKING:
    import argparse

RATES_HZ = (1.0, 2.0, 5.0, 10.0, 30.0)
SUBSETS = ("RDEL", "RDE", "RD", "R", "DEL")
SUBSET_RATE_HZ = 5.0
"""Subsets but the first are measured at the given rate nearest to this."""
LARGEST_SIDE = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table as Markdown"
    )
    parser.add_argument(
        "--size", type=int, default=512, metavar="PX",
        help="columns and rows of cameras and network (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--rates", default=",".join(f"{rate:g}" for rate in RATES_HZ), metavar="HZ,HZ",
        help="instants a second (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--subsets", default=",".join(SUBSETS), metavar="RDEL,RD",
        help="sensors that are there, by letters; the first at every rate, the others at the one "
        f"nearest to {SUBSET_RATE_HZ:g} (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=5.0, metavar="S",
        help="length of each measurement (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N",
        help="how often each is measured (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--checkpoint", default="", help="network (default: the package's own)")
    parser.add_argument("--backend", default="auto", help="its runtime (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("output/benchmark_node"), metavar="DIR",
        help="where the node's log goes (default: %(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Measure; see ``add_arguments``."""
    rates_hz, subsets = _rates(options.rates), _subsets(options.subsets)
    if not 32 <= options.size <= LARGEST_SIDE or options.rounds < 1 or not options.seconds > 0:
        raise ConfigurationError(
            f"--size {options.size}, --rounds {options.rounds}, --seconds {options.seconds}",
            f"32 to {LARGEST_SIDE} pixels, at least 1 round, and more than 0 s",
            "correct these",
        )
    try:
        module = import_module("anyseg_ros.benchmark.run")
    except ImportError as error:
        raise MissingDependencyError(
            f"no module {error.name!r}",
            "the packages that 'anyseg benchmark node' needs",
            "install anyseg with its extras: pip install '.[ros,simulation]'",
        ) from error
    return int(module.run_benchmark(options, plan(rates_hz, subsets)))


def plan(
    rates_hz: tuple[float, ...], subsets: tuple[tuple[str, ...], ...]
) -> list[tuple[tuple[str, ...], float]]:
    """Return what is measured in each round: sensors and how many instants a second."""
    middle_hz = min(rates_hz, key=lambda rate: abs(rate - SUBSET_RATE_HZ))
    first, *others = subsets
    return [(first, rate) for rate in rates_hz] + [(subset, middle_hz) for subset in others]


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(word) for word in text.split(","))
    except ValueError:
        rates = ()
    if not rates or not all(0.1 <= rate <= 1000.0 for rate in rates):
        raise ConfigurationError(
            f"--rates {text}", "numbers from 0.1 to 1000, in Hz", "as in --rates 1,5,30"
        )
    return rates


def _subsets(text: str) -> tuple[tuple[str, ...], ...]:
    names = {letter: name for name, letter in MODALITY_LETTERS.items()}
    words = text.split(",")
    if not all(word and set(word) <= set(names) for word in words):
        raise ConfigurationError(
            f"--subsets {text}", f"some of the letters {''.join(names)}", "as in --subsets RDEL,RD"
        )
    return tuple(tuple(names[letter] for letter in names if letter in word) for word in words)


COMMAND = Command("node", "the perception node, from topics to masks, over DDS", add_arguments, run)
