"""Customers: each logs in at the web application and orders a pizza now and then."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from urllib.error import URLError

from customer import Customer
from data import pizza

EVERY_SECONDS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--webapp", default="http://127.0.0.1:8000")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than in a real shop")
    options = parser.parse_args()
    for number in itertools.count():
        wanted = pizza(number)
        Customer(options.webapp, wanted.username).order(wanted)
        time.sleep(EVERY_SECONDS / options.speed)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except URLError as error:
        sys.exit(f"The web application does not answer: {error.reason}. Start it with `python webapp.py`")
