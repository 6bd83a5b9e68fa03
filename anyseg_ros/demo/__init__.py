"""``anyseg demo``: a simulated rig, the node and failing sensors, with nothing but this machine."""
