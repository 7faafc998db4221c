"""Run the command as ``python -m hotseat._cli``."""

import sys

from hotseat._cli import main

sys.exit(main())
