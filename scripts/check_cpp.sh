#!/usr/bin/env bash
# Builds and runs the checker of the kernels: every tier against the reference, then under the sanitizers, then on old
# CPUs and on AArch64 where an emulator is installed. What cannot run says so.
#   CXX=g++ ROUNDS=200 EMULATED_ROUNDS=10 scripts/check_cpp.sh
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
rounds=${ROUNDS:-200}
emulated_rounds=${EMULATED_ROUNDS:-10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset RMBG_FAST_TIER

# build NAME [cmake options]: the checker in $work/NAME.
build() {
  local name=$1
  shift
  echo "== build: $name"
  cmake -S "$root" -B "$work/$name" -DRMBG_FAST_PYTHON=OFF -DRMBG_FAST_CHECKER=ON -DRMBG_FAST_WERROR=ON "$@" >"$work/$name.log" 2>&1 ||
    { cat "$work/$name.log" >&2; return 1; }
  cmake --build "$work/$name" --parallel "${JOBS:-2}"
}

have() { command -v "$1" >/dev/null; }

build release -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="${CXX:-g++}"
echo "== run: release"
"$work/release/check_kernels" "$rounds"

build sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="${CXX:-g++}" -DRMBG_FAST_SANITIZE=address,undefined
echo "== run: address and undefined-behaviour sanitizers"
"$work/sanitize/check_kernels" "$rounds"

if [[ $(uname -m) == x86_64 ]] && have qemu-x86_64; then
  for cpu in Nehalem Haswell; do
    echo "== run: qemu-x86_64 -cpu $cpu"
    qemu-x86_64 -cpu "$cpu" "$work/release/check_kernels" "$emulated_rounds"
  done
else
  echo "not run: old x86-64 CPUs (needs an x86-64 machine and qemu-x86_64)"
fi

if have aarch64-linux-gnu-g++ && have qemu-aarch64; then
  build aarch64 -DCMAKE_BUILD_TYPE=Release -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_EXE_LINKER_FLAGS=-static
  echo "== run: qemu-aarch64"
  qemu-aarch64 "$work/aarch64/check_kernels" "$emulated_rounds"
else
  echo "not run: AArch64 (needs aarch64-linux-gnu-g++ and qemu-aarch64)"
fi
