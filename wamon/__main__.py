"""`wamon`, `python -m wamon`."""

from wamon.cli.main import main

if __name__ == "__main__":
    main()
