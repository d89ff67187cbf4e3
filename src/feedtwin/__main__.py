"""`python -m feedtwin` is the command `feedtwin`."""

from feedtwin.cli import main

if __name__ == "__main__":
    main()
