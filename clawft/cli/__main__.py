"""`python -m clawft.cli`: the same as `clawft`."""

import sys

from clawft.cli import main

sys.exit(main())
