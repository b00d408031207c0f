"""Counting and verifying without the service: `python -m voting COMMAND`."""

import sys

from voting.cli import main

sys.exit(main())
