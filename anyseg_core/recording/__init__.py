"""Simulated drives on disk: data sets in DELIVER's layout, and bags."""

from anyseg_core.recording.bag import STORAGES, write_bag
from anyseg_core.recording.dataset import missing_frames, write_dataset
from anyseg_core.recording.plan import FAILURES, SPLITS, DatasetPlan, Sequence

__all__ = [
    "FAILURES",
    "SPLITS",
    "STORAGES",
    "DatasetPlan",
    "Sequence",
    "missing_frames",
    "write_bag",
    "write_dataset",
]
