"""``anyseg replay --live``: a bag through DDS and the running node, beside the replay of it."""

from anyseg_ros.live_replay.figures import live_figures, print_figures

__all__ = ["live_figures", "print_figures"]
