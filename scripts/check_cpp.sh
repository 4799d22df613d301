#!/usr/bin/env bash
# Builds and runs the checkers of the kernels and of the network: every tier against the reference, then under the
# sanitizers, then on old CPUs and on AArch64 where an emulator is installed. What cannot run says so.
#   CXX=g++ ROUNDS=200 EMULATED_ROUNDS=10 SEED=1 FUZZ_SECONDS=20 FUZZ_SEED=1 scripts/check_cpp.sh
# Rounds have the same seed each time, so that a run can be repeated; the fuzzing has another each time, and prints it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
rounds=${ROUNDS:-200}
emulated_rounds=${EMULATED_ROUNDS:-10}
seed=${SEED:-1}
fuzz_seconds=${FUZZ_SECONDS:-20}
fuzz_seed=${FUZZ_SEED:-$(date +%s)}
emulated_side=20  # of the pictures: the network's reference has no fused multiply-add there, and is slow
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset RMBG_FAST_TIER RMBG_FAST_CONV

# build NAME [cmake options]: the checkers in $work/NAME, or those that $targets names.
build() {
  local name=$1
  shift
  echo "== build: $name"
  cmake -S "$root" -B "$work/$name" -DRMBG_FAST_PYTHON=OFF -DRMBG_FAST_CHECKER=ON -DRMBG_FAST_WERROR=ON "$@" >"$work/$name.log" 2>&1 ||
    { cat "$work/$name.log" >&2; return 1; }
  cmake --build "$work/$name" --parallel "${JOBS:-2}" --target ${targets:-check_kernels check_network}
}

have() { command -v "$1" >/dev/null; }

# on_cpu CPU COMMAND...: the emulator warns, for each thread anew, of features that it lacks and nobody here needs.
on_cpu() { qemu-x86_64 -cpu "$@" 2> >(grep -v "TCG doesn't support requested feature" >&2); }

build release -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="${CXX:-g++}"
echo "== run: release"
"$work/release/check_kernels" "$rounds" "$seed"
"$work/release/check_network" "$rounds" "$seed"
echo "== fuzz: the kernels' tiers, ${fuzz_seconds} s each, FUZZ_SEED=$fuzz_seed"
"$work/release/check_kernels" "${fuzz_seconds}s" "$fuzz_seed"

build sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="${CXX:-g++}" -DRMBG_FAST_SANITIZE=address,undefined
echo "== run: address and undefined-behaviour sanitizers"
"$work/sanitize/check_kernels" "$rounds" "$seed"
echo "== fuzz, sanitized: FUZZ_SEED=$fuzz_seed"
"$work/sanitize/check_kernels" "${fuzz_seconds}s" "$fuzz_seed"
"$work/sanitize/check_network" $((rounds / 2)) "$seed"

targets=check_network build thread -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="${CXX:-g++}" -DRMBG_FAST_SANITIZE=thread
echo "== run: thread sanitizer"
"$work/thread/check_network" $((rounds / 5)) "$seed" 24

if [[ $(uname -m) == x86_64 ]] && have qemu-x86_64; then
  for cpu in Nehalem Haswell; do
    echo "== run: qemu-x86_64 -cpu $cpu"
    on_cpu "$cpu" "$work/release/check_kernels" "$emulated_rounds" "$seed"
    on_cpu "$cpu" "$work/release/check_network" "$emulated_rounds" "$seed" "$emulated_side"
  done
else
  echo "not run: old x86-64 CPUs (needs an x86-64 machine and qemu-x86_64)"
fi

if have aarch64-linux-gnu-g++ && have qemu-aarch64; then
  build aarch64 -DCMAKE_BUILD_TYPE=Release -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_EXE_LINKER_FLAGS=-static
  echo "== run: qemu-aarch64"
  qemu-aarch64 "$work/aarch64/check_kernels" "$emulated_rounds" "$seed"
  qemu-aarch64 "$work/aarch64/check_network" "$emulated_rounds" "$seed" "$emulated_side"
else
  echo "not run: AArch64 (needs aarch64-linux-gnu-g++ and qemu-aarch64)"
fi
