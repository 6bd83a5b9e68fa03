"""Failures that are told in a file, so that they can be replayed again and again by name."""

from __future__ import annotations

import re
import reprlib
from dataclasses import replace
from typing import TYPE_CHECKING

from anyseg_core.data.document import read_yaml
from anyseg_core.errors import ConfigurationError
from anyseg_core.replay.cases import NOMINAL, Case, fault_case
from anyseg_core.simulation.faults import parse_fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
    content = read_yaml(path, "a YAML file of scenarios")
    if not isinstance(content, dict) or not content:
        raise _error(path, reprlib.repr(content), "names, each with a list of faults")
    return content


def _error(path: Path, got: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(
        f"scenarios {path}: {got}",
        wanted,
        "write it like 'night: [rgb:under_exposure@2-4, rgb:black@4-7]'",
    )
