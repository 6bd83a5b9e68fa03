"""Records and results as ROS messages; messages become records in ``anyseg_core.messages``."""
