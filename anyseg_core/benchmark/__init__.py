"""Measurements of anyseg's own speed beside other ways to do the same work."""

from anyseg_core.benchmark.front_end import front_end_cases
from anyseg_core.benchmark.machine import describe_machine
from anyseg_core.benchmark.measure import Case, Peer, Row, measure

__all__ = ["Case", "Peer", "Row", "describe_machine", "front_end_cases", "measure"]
