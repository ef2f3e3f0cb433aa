"""Stands in for the travel site: every second a file per partition, of searches without end."""

from __future__ import annotations

import argparse
import itertools
import random
import time
from pathlib import Path

import files
from data import search

PER_SECOND = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the container `data` is")
    files.azure_options(parser)
    args = parser.parse_args()
    container, rng = args.folder / files.CONTAINER, random.Random()
    # Numbers go on after a restart: the connector reads each file, by its name, once.
    for first in itertools.count(int(time.time()) * PER_SECOND, PER_SECOND):
        now = int(time.time() * 1000)
        found = (search(number, rng, now) for number in range(first, first + PER_SECOND))
        files.upload(args, container, files.write(container, found, first))
        time.sleep(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
