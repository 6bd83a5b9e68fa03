"""What a replay tries: faults at given times, and sensors that are missing from the start."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError
from anyseg_core.simulation.faults import KINDS, Fault
from anyseg_core.types import MODALITIES, MODALITY_LETTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

NOMINAL = "nominal"
"""Name of the case in which nothing is done to the recording."""

_DELIVER_KINDS = (
    "motion_blur",
    "over_exposure",
    "under_exposure",
    "lidar_jitter",
    "event_low_resolution",
)

_FAULT_START, _FAULT_END = 0.35, 0.65
"""Where a campaign's faults lie, as shares of the recording: time before, during and after."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way to replay a recording.

    Attributes:
        name: unique in a campaign, and fit for a file name.
        sensors: whose readings are let through at all.
        faults: what happens when; times since the recording's start.
    """

    name: str
    sensors: tuple[str, ...]
    faults: tuple[Fault, ...] = ()


def nominal_case(sensors: Sequence[str]) -> Case:
    """Return the recording as it is."""
    return Case(NOMINAL, tuple(sensors))


def fault_case(sensors: Sequence[str], faults: Sequence[Fault]) -> Case:
    """Return the case of the faults that the user asked for, all in one replay.

    Raises:
        ConfigurationError: a fault of a sensor that the recording has not.
    """
    for fault in faults:
        if fault.sensor not in sensors:
            raise ConfigurationError(
                f"a fault of {fault.sensor}",
                f"one of the recording's sensors: {', '.join(sensors)}",
                "name one of these, or its topic with --topic",
            )
    name = "+".join(f"{fault.sensor}-{fault.kind}" for fault in faults)
    return Case(name, tuple(sensors), tuple(faults))


def subset_cases(sensors: Sequence[str], subsets: str) -> list[Case]:
    """Return a case for each subset of the sensors, fewest first; the full set is the nominal case.

    Args:
        sensors: of the recording.
        subsets: ``all``, or letters as ``R,RD,DEL``.

    Raises:
        ConfigurationError: letters that are no sensor of the recording.
    """
    ordered = [name for name in MODALITIES if name in sensors]
    if subsets == "all":
        chosen = [
            subset for count in range(1, len(ordered)) for subset in combinations(ordered, count)
        ]
    else:
        chosen = [_subset(letters, ordered) for letters in subsets.split(",")]
    return [Case(f"only-{_letters(subset)}", tuple(subset)) for subset in chosen]


def library_cases(
    sensors: Sequence[str], library: str, duration_ns: int, within: Sequence[Sequence[str]] = ()
) -> list[Case]:
    """Return a case for each fault of the library, in the middle third of the recording.

    Args:
        sensors: of the recording.
        library: ``delivered`` for every kind that anyseg has, ``deliver`` for the five failure
            cases of the data set DELIVER.
        duration_ns: of the recording.
        within: smaller sets of sensors; each fault is tried in those that hold its sensor, too.

    Raises:
        ConfigurationError: another library.
    """
    kinds = {"delivered": tuple(KINDS), "deliver": _DELIVER_KINDS}.get(library)
    if kinds is None:
        raise ConfigurationError(f"--faults {library}", "delivered or deliver", "choose one")
    start_ns, end_ns = round(duration_ns * _FAULT_START), round(duration_ns * _FAULT_END)
    cases = []
    for kind in kinds:
        for sensor in (name for name in KINDS[kind] if name in sensors):
            faults = (Fault(sensor, kind, start_ns, end_ns),)
            cases.append(Case(f"{sensor}-{kind}", tuple(sensors), faults))
            cases += [
                Case(f"only-{_letters(subset)}-{sensor}-{kind}", tuple(subset), faults)
                for subset in within
                if sensor in subset
            ]
    return cases


def _subset(letters: str, sensors: Sequence[str]) -> tuple[str, ...]:
    known = {MODALITY_LETTERS[name]: name for name in sensors}
    wanted = set(letters.strip())
    if not wanted or wanted - set(known):
        raise ConfigurationError(
            f"subset {letters!r}",
            f"all, or letters of {''.join(known)}, comma-separated",
            "write it like --subsets R,RD,DEL",
        )
    return tuple(known[letter] for letter in known if letter in wanted)


def _letters(subset: Sequence[str]) -> str:
    return "".join(MODALITY_LETTERS[name] for name in subset)
