"""The network behind a runtime: one interface, whatever computes it."""

from anyseg_core.runtime.load import BACKENDS, load_segmenter, untimed_backend
from anyseg_core.runtime.segmenter import Prediction, Segmenter

__all__ = ["BACKENDS", "Prediction", "Segmenter", "load_segmenter", "untimed_backend"]
