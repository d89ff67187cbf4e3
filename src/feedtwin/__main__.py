"""`python -m feedtwin` is the command `feedtwin`."""

import sys

from feedtwin.cli import main

if __name__ == "__main__":
    main()
