"""What the monitor asks of the detectors of one modality."""

from __future__ import annotations

from typing import Protocol, TypeVar

from anyseg_core.health.verdict import Finding
from anyseg_core.types import Record

Results = dict[str, Finding | None]
"""By detector: a finding, or None where it looked and found nothing. Missing: it did not look."""


RecordT_contra = TypeVar("RecordT_contra", bound=Record, contravariant=True)


class Inspector(Protocol[RecordT_contra]):
    """Runs the detectors of one modality and keeps the baselines that they need."""

    @property
    def moving(self) -> bool:
        """Whether the last two readings differ: then neither sensor nor world stands still."""
        ...

    def inspect(self, record: RecordT_contra) -> Results:
        """Look at one reading of the modality."""
        ...
