#!/usr/bin/env bash
# Builds the sdist and, from it, the wheel; shows what the wheel links; installs it in a fresh environment and runs the
# minimal tests against it, away from the source tree. Needs `build` (and on Linux `auditwheel`) in the Python it uses.
# DIST names a folder that keeps both:
#   PYTHON=/path/to/python DIST=dist scripts/check_wheel.sh
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dist=${DIST:-$work/dist}

echo "== build"
"$python" -m build --outdir "$dist" -Ccmake.define.RMBG_FAST_TESTING=OFF "$root"  # as wheels are published
wheels=("$dist"/*.whl)
sdists=("$dist"/*.tar.gz)
[[ ${#wheels[@]} -eq 1 && -f ${wheels[0]} ]] || { echo "expected one wheel, got: ${wheels[*]}" >&2; exit 1; }
[[ ${#sdists[@]} -eq 1 && -f ${sdists[0]} ]] || { echo "expected one sdist, got: ${sdists[*]}" >&2; exit 1; }

for file in "${wheels[0]}" "${sdists[0]}"; do echo "$(wc -c <"$file") bytes: ${file##*/}"; done

if [[ -f $root/python/rmbg_fast/_web/page/index.html ]]; then
  echo "== page"
  # Into a variable first: a reader that leaves a pipe early (grep -q) would end the run.
  page=$("$python" -m zipfile -l "${wheels[0]}" | awk '/rmbg_fast\/_web\/page\// { print $1, $NF }')
  echo "$page"
  [[ $page == *core-plain.wasm* ]] || { echo "the wheel lacks the page's WebAssembly" >&2; exit 1; }
fi

echo "== auditwheel show"
if [[ $(uname -s) == Linux ]]; then
  "$python" -m auditwheel show "${wheels[0]}"
else
  echo "not run: auditwheel is for Linux"
fi

echo "== install"
"$python" -m venv "$work/venv"
bin=$work/venv/bin
[[ -d $bin ]] || bin=$work/venv/Scripts
"$bin/python" -m pip install --quiet "${wheels[0]}[cpu]" pytest

echo "== test"
cp "$root/tests/test_minimal.py" "$work/"
cd "$work"
export RMBG_FAST_HOME=$work/home RMBG_FAST_OFFLINE=1
unset PYTHONPATH
"$bin/python" -m pytest -p no:cacheprovider --rootdir="$work" "$work/test_minimal.py"
