"""`python -m rmbg_fast` is the command `rmbg-fast`."""

import sys

from .cli import main

sys.exit(main())
