#!/usr/bin/env bash
# Checks the C++ by itself: its format, and what clang-tidy says of all of it; then builds and runs the checkers of the
# kernels, the network, the codecs, the device, the pipeline and the gate: every tier against the reference, then under the
# sanitizers, then on old CPUs and on AArch64 where an emulator is installed. What cannot run says so.
#   CXX=g++ ROUNDS=200 EMULATED_ROUNDS=10 SEED=1 FUZZ_SECONDS=20 FUZZ_SEED=1 JOBS=2 scripts/check_cpp.sh
# Rounds have the same seed each time, so that a run can be repeated; the fuzzing has another each time, and prints it.
# Each step says when it begins, in seconds.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
rounds=${ROUNDS:-200}
emulated_rounds=${EMULATED_ROUNDS:-10}
seed=${SEED:-1}
fuzz_seconds=${FUZZ_SECONDS:-20}
fuzz_seed=${FUZZ_SEED:-$(date +%s)}
jobs=${JOBS:-2}
emulated_side=20  # of the pictures: the network's reference has no fused multiply-add there, and is slow
mkdir -p "$root/build"
work=$(mktemp -d "$root/build/check.XXXXXX")  # ccache sees the sources at the same place from every checkout
trap 'rm -rf "$work"' EXIT
unset RMBG_FAST_TIER RMBG_FAST_CONV

step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }
have() { command -v "$1" >/dev/null; }

# build NAME CHECKERS [cmake options]: the checkers in $work/NAME.
build() {
  local name=$1 checkers=$2 generator=()
  shift 2
  step "build: $name"
  have ninja && generator=(-G Ninja)
  cmake -S "$root" -B "$work/$name" "${generator[@]}" -DRMBG_FAST_PYTHON=OFF -DRMBG_FAST_CHECKER=ON -DRMBG_FAST_WERROR=ON "$@" \
    >"$work/$name.log" 2>&1 || { cat "$work/$name.log" >&2; return 1; }
  # shellcheck disable=SC2086
  cmake --build "$work/$name" --parallel "$jobs" --target $checkers >"$work/$name.log" 2>&1 || { cat "$work/$name.log" >&2; return 1; }
}

# together COMMAND...: $jobs at a time; what each says comes with its end. Fails where one does.
together() {
  printf '%s\0' "$@" | xargs -0 -P "$jobs" -I{} bash -c '
    said=$(eval "$1" 2>&1); result=$?
    printf "%s\n-- %s s, %s: %s\n" "$said" "$SECONDS" "$([ $result = 0 ] && echo good || echo "FAILED ($result)")" "${1##*/}"
    exit $result' together {}
}

# on_cpu CPU COMMAND...: the emulator warns, for each thread anew, of features that it lacks and nobody here needs.
on_cpu() { qemu-x86_64 -cpu "$@" 2> >(grep -v "TCG doesn't support requested feature" >&2); }
export -f on_cpu

# Another version formats in another way.
formatter=${CLANG_FORMAT:-clang-format}
if have "$formatter" && [[ $("$formatter" --version) == *"version 19."* ]]; then
  step "format"
  find "$root/cpp" "$root/tests/cpp" -name '*.cpp' -o -name '*.hpp' | xargs "$formatter" --dry-run -Werror
else
  echo "not run: the format (needs clang-format 19: pip install clang-format==19.1.7)"
fi

# Debian's 14 does not know our CPU features. Files are read nine at a time, for most of its time goes into headers: in a
# folder no two files may give one name to things of their own. The bodies of the kernels are read once, as the AVX2
# tier has them.
tidier=${CLANG_TIDY:-clang-tidy}
if have "$tidier" && [[ $("$tidier" --version) == *"version 19."* ]]; then
  step "clang-tidy"
  python=()
  pybind11=$(python3 -m pybind11 --cmakedir 2>/dev/null) && python=(-DRMBG_FAST_PYTHON=ON "-Dpybind11_DIR=$pybind11" -DSKBUILD_PROJECT_VERSION=0)
  cmake -S "$root" -B "$work/tidy" -DRMBG_FAST_PYTHON=OFF "${python[@]}" -DCMAKE_CXX_COMPILER="${CXX:-g++}" \
    -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=9 >"$work/tidy.log"
  [[ ${#python[@]} -gt 0 ]] || echo "not run: clang-tidy over bindings and ort (needs pip install pybind11)"
  sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$work/tidy/compile_commands.json" | sort -u |
    grep -E "^($root/cpp|$work/tidy/CMakeFiles)/" | grep -vE '/tier_(baseline|avx512)\.cpp$' | tr '\n' '\0' |
    xargs -0 -n 1 -P "$jobs" "$tidier" --quiet -p "$work/tidy" --config-file="$root/.clang-tidy" --warnings-as-errors='*' \
      --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument 2>"$work/tidy.log" || # GCC's words
    { grep -E 'error' "$work/tidy.log" >&2; exit 1; }
else
  echo "not run: clang-tidy (needs version 19: pip install clang-tidy==19.1.0.1)"
fi

all="check_codecs check_gate check_kernels check_network check_pipeline check_device stand_in_driver"
build release "$all" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="${CXX:-g++}"
step "symbols: no tier has one that the linker could take for all tiers"
# A weak symbol (an inline function, a template) compiled with wide instructions may be what the oldest CPU is given.
tiers=$(find "$work/release" -name 'tier_*.cpp.o')
[[ -n $tiers ]] || { echo "no tier was found" >&2; exit 1; }
# shellcheck disable=SC2086
if nm -C --defined-only $tiers | grep -E '^[0-9a-f]+ [WVuwv] '; then
  echo "weak symbols in a tier: give them internal linkage" >&2
  exit 1
fi
# Of the device's kernels the GPU is played by the CPU.
step "run: release; FUZZ_SEED=$fuzz_seed"
"$root/scripts/make_ptx.sh" --check
bin=$work/release
together "$bin/check_network $rounds $seed" "$bin/check_kernels $rounds $seed" "$bin/check_codecs $rounds $seed" \
  "$bin/check_pipeline $((rounds / 10))" "$bin/check_gate $((rounds / 10))" "$bin/check_device $rounds $seed $bin/libstand_in_driver.so" \
  "$bin/check_device time $bin/libstand_in_driver.so" \
  "$bin/check_kernels ${fuzz_seconds}s $fuzz_seed" "$bin/check_codecs ${fuzz_seconds}s $fuzz_seed"

build sanitize "$all" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="${CXX:-g++}" -DRMBG_FAST_SANITIZE=address,undefined
step "run: address and undefined-behaviour sanitizers; FUZZ_SEED=$fuzz_seed"
bin=$work/sanitize
together "$bin/check_network $((rounds / 4)) $seed" "$bin/check_network $((rounds / 4)) $((seed + rounds / 4))" \
  "$bin/check_codecs $((rounds / 4)) $seed" "$bin/check_kernels $rounds $seed" \
  "$bin/check_pipeline $((rounds / 20))" "$bin/check_gate $((rounds / 20))" "$bin/check_device $rounds $seed $bin/libstand_in_driver.so" \
  "$bin/check_kernels ${fuzz_seconds}s $fuzz_seed" "$bin/check_codecs ${fuzz_seconds}s $fuzz_seed"

build thread "check_codecs check_gate check_network check_pipeline" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="${CXX:-g++}" -DRMBG_FAST_SANITIZE=thread
step "run: thread sanitizer"
bin=$work/thread
export TSAN_OPTIONS=die_after_fork=0
together "$bin/check_network $((rounds / 5)) $seed 24" "$bin/check_codecs $((rounds / 10))s $seed" "$bin/check_pipeline $((rounds / 20))" \
  "$bin/check_gate $((rounds / 20))"

if [[ $(uname -m) == x86_64 ]] && have qemu-x86_64; then
  step "run: qemu-x86_64, Nehalem and Haswell"
  commands=()
  bin=$work/release
  for cpu in Nehalem Haswell; do
    commands+=("on_cpu $cpu $bin/check_network $emulated_rounds $seed $emulated_side" "on_cpu $cpu $bin/check_codecs $emulated_rounds $seed"
      "on_cpu $cpu $bin/check_kernels $emulated_rounds $seed")
  done
  together "${commands[@]}"
else
  echo "not run: old x86-64 CPUs (needs an x86-64 machine and qemu-x86_64)"
fi

if have aarch64-linux-gnu-g++ && have qemu-aarch64; then
  build aarch64 "check_codecs check_kernels check_network check_pipeline" -DCMAKE_BUILD_TYPE=Release -DCMAKE_SYSTEM_NAME=Linux \
    -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_EXE_LINKER_FLAGS=-static
  step "run: qemu-aarch64"
  bin="qemu-aarch64 $work/aarch64"
  together "$bin/check_network $emulated_rounds $seed $emulated_side" "$bin/check_codecs $emulated_rounds $seed" \
    "$bin/check_kernels $emulated_rounds $seed"
else
  echo "not run: AArch64 (needs aarch64-linux-gnu-g++ and qemu-aarch64)"
fi
step "done"
