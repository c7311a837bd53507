"""`python -m evaluation`: the commands of evaluation.cli."""

import sys

from evaluation.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
