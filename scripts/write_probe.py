# ruff: noqa: INP001 - the scripts are no package
"""Write the instant that runtimes are held against each other on.

Run from the repository's root: ``python scripts/write_probe.py``. It simulates one street and
writes ``anyseg_core/runtime/street.npz``: what the four sensors see, before normalisation.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from anyseg_core.cli.main import main as anyseg
from anyseg_core.data import open_dataset

SEED, FRAMES = 9, 6
PATH = Path("anyseg_core/runtime/street.npz")


def main() -> None:
    """Simulate, and keep the last frame."""
    with TemporaryDirectory() as folder:
        words = ["simulate", "--dataset", folder, "--frames", f"0,{FRAMES},0", "--seed", str(SEED)]
        if anyseg(words):
            raise SystemExit(1)
        sample = open_dataset(Path(folder), split="val")[FRAMES - 1]
    # Half precision: a probe need not be exact, and the file comes with the package.
    np.savez_compressed(PATH, **{name: c.astype(np.float16) for name, c in sample.channels.items()})
    print(f"written: {PATH}")  # noqa: T201  # a command


if __name__ == "__main__":
    main()
