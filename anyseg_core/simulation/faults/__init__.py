"""Faults of sensors: what can go wrong, and an injector that makes it happen on schedule."""

from anyseg_core.simulation.faults.corruption import corrupt
from anyseg_core.simulation.faults.fault import KINDS, Fault, parse_fault
from anyseg_core.simulation.faults.injector import FaultInjector

__all__ = ["KINDS", "Fault", "FaultInjector", "corrupt", "parse_fault"]
