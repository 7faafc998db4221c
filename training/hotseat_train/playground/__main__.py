"""Run the playground: ``python -m hotseat_train.playground``."""

import sys

from hotseat_train.playground.cli import main

sys.exit(main())
