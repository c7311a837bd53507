"""``python -m adversarial``."""

import sys

from adversarial.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
