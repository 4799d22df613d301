#!/usr/bin/env bash
# The page's .wasm files once more, from a copy of the sources in another folder: the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
made=python/rmbg_fast/_web/page
copy=$work/a/folder/elsewhere
mkdir -p "$copy/python/rmbg_fast/_web"
cp -r cpp scripts web pyproject.toml "$copy"
cp -r python/rmbg_fast/_web/shared "$copy/python/rmbg_fast/_web"
ZIG_LOCAL_CACHE_DIR="$work/cache" python "$copy/scripts/build_web.py" "$work/page" >"$work/log" || { cat "$work/log"; exit 1; }
for file in "$made"/core-*.wasm; do cmp "$file" "$work/page/${file##*/}"; done
echo "the same bytes from another folder"
