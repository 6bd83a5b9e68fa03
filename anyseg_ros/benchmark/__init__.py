"""``anyseg benchmark node``: the perception node in its own process, timed from outside."""
