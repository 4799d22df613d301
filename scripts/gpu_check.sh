#!/usr/bin/env bash
# The GPU run: everything that only a GPU can show, on a machine without a network, in minutes.
#
#   scripts/gpu_check.sh take FOLDER   one of gpu_pack.py's parts; with the first the build starts in the background
#   scripts/gpu_check.sh run [DEVICE]  joins the parts, waits for the build, checks and measures; DEVICE: cuda
#   scripts/gpu_check.sh short [DEVICE]  the same without what others write, in half the time
#   scripts/gpu_check.sh build         the build alone, in the foreground
#
# DEVICE=stand-in rehearses it where there is no GPU: the CPU in its place, a small model, short measurements. Needs
# bash, xz, a C++20 compiler, and in PYTHON (python3): numpy, pillow, onnx, pybind11, cmake, ninja, pytest; pip installs
# nothing from elsewhere. What it needs beyond that is in the parts. WORK (/tmp/rmbg-gpu) is where all of it is put, OUT
# (WORK/out) where logs and figures go. A step that fails is reported, and the next one is tried.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
work=${WORK:-/tmp/rmbg-gpu}
out=${OUT:-$work/out}
python=${PYTHON:-python3}
build_limit=${BUILD_LIMIT:-270}  # seconds; a small machine needs more
mkdir -p "$work/parts" "$out"
PATH=$("$python" -c 'import os, sys; print(os.path.dirname(sys.executable))'):$PATH  # cmake and ninja of that Python
started=$SECONDS

say() { printf '\n== %s (at %s s)\n' "$1" $((SECONDS - started)); }

# step LIMIT NAME COMMAND...: with its time, output and result; never ends the script.
step() {
  local limit=$1 name=$2 begun=$SECONDS result
  shift 2
  say "$name"
  timeout "$limit" "$@" 2>&1
  result=$?
  printf -- '-- %s: %s s, %s\n' "$name" $((SECONDS - begun)) "$([[ $result == 0 ]] && echo good || echo "FAILED ($result)")"
  return $result
}

take() {
  cp -r "$1"/. "$work/parts/"
  ls -l "$work/parts"
  if [[ -f $work/parts/wheels.tar.xz.00 && ! -d $work/source ]]; then
    mkdir -p "$work/source"  # a copy, for the next transfer replaces this tree
    tar -c --exclude=./.git --exclude=./build --exclude='*.so' . | tar -x -C "$work/source"
    setsid bash "$work/source/scripts/gpu_check.sh" build >"$work/build.log" 2>&1 </dev/null &
    echo $! >"$work/build.pid"
  fi
}

# join NAME: all pieces of NAME, decompressed, to stdout.
join() {
  if command -v xz >/dev/null; then
    cat "$work/parts/$1".?? | xz -dc -T0
  else
    cat "$work/parts/$1".?? | "$python" -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer)'
  fi
}

# The extension as a user builds it, and the checker of the device kernels beside it.
build() {
  local tools=$work/tools
  mkdir -p "$tools"
  join wheels.tar.xz | tar -x -C "$work"
  "$python" -m pip install -q --no-index --no-deps --no-compile --target "$tools" "$work"/wheels/*.whl
  cd "$work/source" || return 1
  export PYTHONPATH=$tools CMAKE_BUILD_PARALLEL_LEVEL
  CMAKE_BUILD_PARALLEL_LEVEL=$(nproc)
  step "$build_limit" "the checker" bash -c "
    cmake -S . -B '$work/checker' -G Ninja -DCMAKE_BUILD_TYPE=Release -DRMBG_FAST_PYTHON=OFF -DRMBG_FAST_CHECKER=ON >/dev/null &&
    cmake --build '$work/checker' --target check_device stand_in_driver" &
  step "$build_limit" "pip install . --no-build-isolation" \
    "$python" -m pip install . --no-build-isolation --no-deps --no-index --no-compile -q --target "$work/site"
  wait
  : >"$work/built"
}

unpack() {
  mkdir -p "$work/runtime" "$work/home/models"
  join runtime.tar.xz | tar -x -C "$work/runtime" || return 1
  local pieces=("$work"/parts/*.onnx.xz.00)
  local name=${pieces[0]##*/}
  join "${name%.00}" >"$work/home/models/${name%.xz.00}"
  ls -l "$work/home/models" "$work"/runtime/onnxruntime/capi/*.so*
}

wait_for_build() {
  while [[ ! -e $work/built ]] && kill -0 "$(cat "$work/build.pid")" 2>/dev/null; do sleep 1; done
  cat "$work/build.log"
  [[ -e $work/built ]] || build  # it was ended with the call that began it
  ls -l "$work"/site/rmbg_fast/_core*.so "$work/checker/check_device"
}

about() {
  nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used,pstate,clocks.sm --format=csv
  nproc
  "$python" -c 'import sys, importlib.metadata as m; print(sys.version); print(*sorted(f"{d.name} {d.version}" for d in m.distributions() if d.name and d.name.startswith(("nvidia", "torch", "cupy", "onnx", "numpy", "pillow", "scikit"))), sep=", ")'
}

session() {
  "$python" - "$@" <<'PY'
import sys, time
from rmbg_fast import Session, _core, _testing
from rmbg_fast._runtime import library
if len(sys.argv) > 2:
    _core.use_cuda_driver(sys.argv[2])
library.load()
info = _core.runtime_info()
print(info, "slots that fail:", _testing.check_slots(info["path"]), _core.cuda_device(0))
if sys.argv[1] == "cuda":
    for warm in (False, True):
        start = time.perf_counter()
        session = Session(device="cuda", warm_up=warm)
        print(f"warm_up={warm}: {time.perf_counter() - start:.2f} s", session.provider, session.details, _core.cuda_device(0))
PY
}

# checks DEVICE [PART of benches/gpu.py]...: all of them where none is named.
checks() {
  local device=$1 driver=() quick=() parts=()
  shift
  for part in "$@"; do parts+=(--only "$part"); done
  if [[ $device == stand-in ]]; then
    driver=("$work/checker/libstand_in_driver.so")
    quick=(--quick --device stand-in --driver "${driver[0]}")
  fi
  say "the machine"
  about 2>&1
  step 120 "join and unpack" bash "$root/scripts/gpu_check.sh" unpack
  step "$build_limit" "the build, since the first part" bash "$root/scripts/gpu_check.sh" wait_for_build
  export PYTHONPATH=$work/site:$work/runtime:$work/tools RMBG_FAST_HOME=$work/home RMBG_FAST_OFFLINE=1 PYTHONUNBUFFERED=1
  export PYTHONDONTWRITEBYTECODE=1
  cd "$work/source" || return 1
  step 60 "device kernels against the host's" "$work/checker/check_device" 300 1 "${driver[@]}"
  step 60 "device kernels, timed" "$work/checker/check_device" time "${driver[@]}"
  if ! step 120 "slots of the C API, and a session" bash "$root/scripts/gpu_check.sh" session "$device" "${driver[@]}" && [[ $device == cuda ]]; then
    say "once more, with all libraries of the wheels on LD_LIBRARY_PATH"
    LD_LIBRARY_PATH=$("$python" -c 'import glob, nvidia; print(":".join(p for r in nvidia.__path__ for p in glob.glob(r + "/*/lib")))')
    export LD_LIBRARY_PATH
    step 120 "slots of the C API, and a session" bash "$root/scripts/gpu_check.sh" session "$device"
  fi
  step 120 "tests" "$python" -m pytest -q -p no:cacheprovider tests/runtime/test_gpu.py tests/session/test_device.py \
    tests/session/test_pictures_on_gpu.py tests/session/test_gpu_refusals.py tests/ops/test_buffers.py \
    tests/session/test_models_that_do_not_fit.py::test_the_runtime_s_functions_are_where_we_say
  step 420 "figures" "$python" benches/gpu.py "${quick[@]}" "${parts[@]}" --json "$out/gpu.json"
  tar -cz -C "$work" -f "$out/built.tar.gz" site checker/check_device checker/libstand_in_driver.so
  say "done"
}

case ${1:-} in
  take | build | unpack | wait_for_build | session) "$@" ;;
  run) checks "${2:-cuda}" 2>&1 | tee "$out/gpu.log" ;;
  short) checks "${2:-cuda}" masks limits calls pictures options errors endurance 2>&1 | tee "$out/gpu.log" ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "$0" ;;
esac
