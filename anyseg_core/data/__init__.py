"""Data sets behind one protocol, and the augmentation that they share."""

from anyseg_core.data.augmentation import Augmentation, AugmentationConfig
from anyseg_core.data.fingerprint import data_hash
from anyseg_core.data.opening import open_dataset
from anyseg_core.data.sample import Sample, SegmentationDataset, normalised

__all__ = [
    "Augmentation",
    "AugmentationConfig",
    "Sample",
    "SegmentationDataset",
    "data_hash",
    "normalised",
    "open_dataset",
]
