"""`python -m rmbg_fast` is the command `rmbg-fast`."""

import sys

from ._cli.main import main

sys.exit(main())
