#!/usr/bin/env bash
# Checks the C++ by itself: its format, and what clang-tidy says where TIDY=1 asks for it (minutes); then builds and runs
# the checkers of the kernels, of the network and of the pipeline: every tier against the reference, then under the
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
  cmake --build "$work/$name" --parallel "${JOBS:-2}" \
    --target ${targets:-check_codecs check_gate check_kernels check_network check_pipeline check_device stand_in_driver}
}

have() { command -v "$1" >/dev/null; }

# on_cpu CPU COMMAND...: the emulator warns, for each thread anew, of features that it lacks and nobody here needs.
on_cpu() { qemu-x86_64 -cpu "$@" 2> >(grep -v "TCG doesn't support requested feature" >&2); }

# Another version formats in another way.
formatter=${CLANG_FORMAT:-clang-format}
if have "$formatter" && [[ $("$formatter" --version) == *"version 19."* ]]; then
  echo "== format"
  find "$root/cpp" "$root/tests/cpp" -name '*.cpp' -o -name '*.hpp' | xargs "$formatter" --dry-run -Werror
else
  echo "not run: the format (needs clang-format 19: pip install clang-format==19.1.7)"
fi

build release -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="${CXX:-g++}"
echo "== symbols: no tier has one that the linker could take for all tiers"
# A weak symbol (an inline function, a template) compiled with wide instructions may be what the oldest CPU is given.
tiers=$(find "$work/release" -name 'tier_*.cpp.o')
[[ -n $tiers ]] || { echo "no tier was found" >&2; exit 1; }
# shellcheck disable=SC2086
if nm -C --defined-only $tiers | grep -E '^[0-9a-f]+ [WVuwv] '; then
  echo "weak symbols in a tier: give them internal linkage" >&2
  exit 1
fi
if [[ ${TIDY:-0} == 1 ]]; then # Debian's 14 does not know our CPU features: pip install clang-tidy==19.1.0.1
  echo "== clang-tidy"
  cmake -S "$root" -B "$work/tidy" -DRMBG_FAST_CHECKER=ON -DRMBG_FAST_PYTHON=OFF -DCMAKE_CXX_COMPILER="${CXX:-g++}" >"$work/tidy.log"
  find "$root/cpp/core" "$root/cpp/net" "$root/cpp/kernels" "$root/cpp/pipeline" -name '*.cpp' \
    ! -name 'remover.cpp' ! -name '*neon*' -print0 |
    xargs -0 -n 1 -P "${JOBS:-2}" clang-tidy --quiet -p "$work/tidy" --warnings-as-errors='*' \
      --extra-arg=-Wno-unknown-warning-option # GCC's, in the compile commands
fi
echo "== run: release"
"$work/release/check_kernels" "$rounds" "$seed"
"$work/release/check_codecs" "$rounds" "$seed"
"$work/release/check_network" "$rounds" "$seed"
"$work/release/check_pipeline" "$((rounds / 10))"
"$work/release/check_gate" "$((rounds / 10))"
echo "== run: the device kernels, their GPU played by the CPU"
"$root/scripts/make_ptx.sh" --check
"$work/release/check_device" "$rounds" "$seed" "$work/release/libstand_in_driver.so"
"$work/release/check_device" time "$work/release/libstand_in_driver.so"
echo "== fuzz: the kernels' tiers, ${fuzz_seconds} s each, FUZZ_SEED=$fuzz_seed"
"$work/release/check_kernels" "${fuzz_seconds}s" "$fuzz_seed"
"$work/release/check_codecs" "${fuzz_seconds}s" "$fuzz_seed"

targets="check_codecs check_kernels check_network" build sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="${CXX:-g++}" -DRMBG_FAST_SANITIZE=address,undefined
echo "== run: address and undefined-behaviour sanitizers"
"$work/sanitize/check_kernels" "$rounds" "$seed"
"$work/sanitize/check_codecs" $((rounds / 4)) "$seed"
echo "== fuzz, sanitized: FUZZ_SEED=$fuzz_seed"
"$work/sanitize/check_kernels" "${fuzz_seconds}s" "$fuzz_seed"
"$work/sanitize/check_codecs" "${fuzz_seconds}s" "$fuzz_seed"
"$work/sanitize/check_network" $((rounds / 2)) "$seed"

targets="check_gate check_network check_pipeline" build thread -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="${CXX:-g++}" -DRMBG_FAST_SANITIZE=thread
echo "== run: thread sanitizer"
"$work/thread/check_network" $((rounds / 5)) "$seed" 24
"$work/thread/check_gate" "$((rounds / 20))"
TSAN_OPTIONS=die_after_fork=0 "$work/thread/check_pipeline" "$((rounds / 20))"

if [[ $(uname -m) == x86_64 ]] && have qemu-x86_64; then
  for cpu in Nehalem Haswell; do
    echo "== run: qemu-x86_64 -cpu $cpu"
    on_cpu "$cpu" "$work/release/check_kernels" "$emulated_rounds" "$seed"
    on_cpu "$cpu" "$work/release/check_codecs" "$emulated_rounds" "$seed"
    on_cpu "$cpu" "$work/release/check_network" "$emulated_rounds" "$seed" "$emulated_side"
  done
else
  echo "not run: old x86-64 CPUs (needs an x86-64 machine and qemu-x86_64)"
fi

if have aarch64-linux-gnu-g++ && have qemu-aarch64; then
  targets="check_codecs check_kernels check_network check_pipeline" build aarch64 -DCMAKE_BUILD_TYPE=Release -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_EXE_LINKER_FLAGS=-static
  echo "== run: qemu-aarch64"
  qemu-aarch64 "$work/aarch64/check_kernels" "$emulated_rounds" "$seed"
  qemu-aarch64 "$work/aarch64/check_codecs" "$emulated_rounds" "$seed"
  qemu-aarch64 "$work/aarch64/check_network" "$emulated_rounds" "$seed" "$emulated_side"
else
  echo "not run: AArch64 (needs aarch64-linux-gnu-g++ and qemu-aarch64)"
fi
