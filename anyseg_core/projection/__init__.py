"""Sensor readings to float32 [3, H, W] images in the reference camera's plane."""

from anyseg_core.projection.depth import DepthImage, project_depth, register_depth
from anyseg_core.projection.deskew import deskew_points
from anyseg_core.projection.event_map import EventMap, event_map, remap_events
from anyseg_core.projection.events import bin_events, time_surface, voxel_grid
from anyseg_core.projection.labels import label_points
from anyseg_core.projection.lidar import LidarImage, project_lidar
from anyseg_core.projection.normalisation import normalise
from anyseg_core.projection.rgb import resize_rgb
from anyseg_core.projection.warm_up import warm_up

__all__ = [
    "DepthImage",
    "EventMap",
    "LidarImage",
    "bin_events",
    "deskew_points",
    "event_map",
    "label_points",
    "normalise",
    "project_depth",
    "project_lidar",
    "register_depth",
    "remap_events",
    "resize_rgb",
    "time_surface",
    "voxel_grid",
    "warm_up",
]
