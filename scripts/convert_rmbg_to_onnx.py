#!/usr/bin/env python3
"""Convert RMBG-1.4, or the torch model that is named, to ONNX: `rmbg-fast convert` under the name that guides look for.

python scripts/convert_rmbg_to_onnx.py                                    # briaai/RMBG-1.4 -> rmbg-1.4.onnx
python scripts/convert_rmbg_to_onnx.py model.pth -o mine.onnx --like rmbg-1.4
"""

import sys

from rmbg_fast._cli.main import main

if __name__ == "__main__":
    sys.exit(main(["convert", *(sys.argv[1:] or ["briaai/RMBG-1.4", "-o", "rmbg-1.4.onnx"])]))
