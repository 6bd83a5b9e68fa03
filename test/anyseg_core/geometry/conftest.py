"""Settings of the geometry tests."""

from hypothesis import settings

# A loop's first call loads compiled code: no example may fail for being slow.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
