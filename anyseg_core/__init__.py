"""Modality-agnostic semantic segmentation for robots whose sensors fail one at a time.

This package knows nothing of ROS; ``anyseg_ros`` drives it. Nothing in it reads a clock:
time comes in as integer nanoseconds.
"""

__version__ = "0.1.0"
