"""The ROS 2 side of anyseg: nodes, message conversions, parameters and diagnostics."""
