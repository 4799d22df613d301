#!/usr/bin/env bash
# Runs the minimal tests and those of sessions, the real model among them, with the oldest packages that pyproject.toml
# claims: in a fresh environment, each dependency at exactly its lower bound.
#   PYTHON=python3.11 scripts/check_oldest.sh [WHEEL]     without WHEEL one is built
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || { echo "not run: the oldest packages (needs $python)"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH

"$python" -m venv "$work/venv"
bin=$work/venv/bin
if [[ $# -gt 0 ]]; then
  wheel=$1
else
  "$bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$work" "$root"
  wheel=$(echo "$work"/*.whl)
fi

"$bin/python" - "$root/pyproject.toml" >"$work/oldest.txt" <<'PYTHON'
import sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
for claim in project["dependencies"] + project["optional-dependencies"]["cpu"]:
    print(claim.replace(">=", "=="))
PYTHON
echo "== oldest: $(tr '\n' ' ' <"$work/oldest.txt")"
"$bin/python" -m pip install --quiet --constraint "$work/oldest.txt" "${wheel}[cpu]" pytest hypothesis scikit-image
cd "$root"
# The float16 graphs of a GPU take a minute, and are no matter of versions.
"$bin/python" -m pytest -q -p no:cacheprovider tests/test_minimal.py tests/session --ignore tests/session/test_float16_graphs.py
