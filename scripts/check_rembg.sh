#!/usr/bin/env bash
# Compares with rembg itself: masks, cut-outs, calls and commands with the same model files, in a fresh environment with
# rembg and the Pillow that it is compared with.
#   PYTHON=python3 scripts/check_rembg.sh [WHEEL]     without WHEEL one is built
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH

"${PYTHON:-python3}" -m venv "$work/venv"
bin=$work/venv/bin
"$bin/python" -m pip install --quiet "${1:-$root}[cpu,test,compare]"
"$bin/python" -c "import rembg"  # without it these tests would be skipped
cd "$root"
PATH="$bin:$PATH" "$bin/python" -m pytest -q -p no:cacheprovider tests/models/test_rembg.py tests/as_rembg/test_same_calls.py \
  tests/as_rembg/test_same_commands.py
