"""A procedural street, a rig of four sensors that drives along it, and faults to inject."""

from anyseg_core.simulation.config import CONDITIONS, HELD_OUT_CONDITIONS, RigConfig
from anyseg_core.simulation.faults import Fault, FaultInjector, parse_fault
from anyseg_core.simulation.rig import SimulatedRig

__all__ = [
    "CONDITIONS",
    "HELD_OUT_CONDITIONS",
    "Fault",
    "FaultInjector",
    "RigConfig",
    "SimulatedRig",
    "parse_fault",
]
