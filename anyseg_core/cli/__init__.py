"""The ``anyseg`` command."""
