"""ROS messages to typed records and results to ROS messages; all of it, and nothing else."""
