"""Failures that are told in a file, so that they can be replayed again and again by name."""

from __future__ import annotations

import re
import reprlib
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from anyseg_core.errors import ConfigurationError
from anyseg_core.replay.cases import NOMINAL, Case, fault_case
from anyseg_core.simulation.faults import parse_fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LARGEST_BYTES = 1_000_000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def scenario_cases(path: Path, sensors: Sequence[str]) -> list[Case]:
    """Read scenarios: a YAML mapping of names to lists of ``SENSOR:KIND@START[-END]``.

    Args:
        path: the file.
        sensors: of the recording.

    Raises:
        ConfigurationError: the file cannot be read, is larger than 1 MB, is no such mapping, or
            holds a fault that there is not or whose sensor the recording has not.
    """
    cases = []
    for name, faults in _read(path).items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name == NOMINAL:
            raise _error(path, f"the name {reprlib.repr(name)}", "letters, digits, _ and -")
        listed = isinstance(faults, list) and faults
        if not listed or not all(isinstance(one, str) for one in faults):
            raise _error(path, f"{name}: {reprlib.repr(faults)}", "a list of faults")
        case = fault_case(sensors, [parse_fault(one) for one in faults])
        cases.append(replace(case, name=name))
    return cases


def _read(path: Path) -> dict[object, list[str]]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise _error(path, "more than 1 MB", "a short YAML file")
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise _error(path, str(error.strerror), "a YAML file that can be read") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _error(path, " ".join(str(error).split()), "a YAML file") from None
    if not isinstance(content, dict) or not content:
        raise _error(path, reprlib.repr(content), "names, each with a list of faults")
    return content


def _error(path: Path, got: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(
        f"scenarios {path}: {got}",
        wanted,
        "write it like 'night: [rgb:under_exposure@2-4, rgb:black@4-7]'",
    )
