#!/usr/bin/env bash
# Compiles the device kernels to PTX, which is checked in: wheels are built where there is no CUDA, and a wheel of one
# file runs on every GPU from compute capability 7.5 on, for the driver compiles it. Needs nvcc 13 (or NVCC=...).
#   scripts/make_ptx.sh          makes cpp/cuda/kernels.ptx
#   scripts/make_ptx.sh --check  says whether it is of the sources as they are (needs no nvcc)
# The first line holds the sources' sha256. The version of PTX is set back to the oldest that has all that is used, so
# that drivers of CUDA 11 and 12 take it; ptxas then says whether that holds, for each architecture.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=cpp/cuda/kernels.ptx
sources=(cpp/cuda/kernels.cu cpp/cuda/samples.hpp cpp/kernels/kernels.hpp cpp/kernels/sigmoid.hpp cpp/core/half.hpp)
stamp="// sha256 of the sources: $(cat "${sources[@]}" | sha256sum | cut -d' ' -f1)"

if [[ ${1:-} == --check ]]; then
  [[ $(head -n 1 "$target") == "$stamp" ]] || { echo "$target is not of these sources: run scripts/make_ptx.sh" >&2; exit 1; }
  exit 0
fi
nvcc=${NVCC:-nvcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$nvcc" -ptx -std=c++20 -O3 --fmad=false --expt-relaxed-constexpr -arch=compute_75 -Icpp -o "$work/new.ptx" cpp/cuda/kernels.cu
{ echo "$stamp"; grep -v '^//' "$work/new.ptx" | sed 's/^\.version .*/.version 6.4/' | cat -s; } >"$work/kernels.ptx"
for arch in 75 80 86 89 90 100 120; do
  "${PTXAS:-ptxas}" -arch=sm_$arch -o "$work/cubin" "$work/kernels.ptx"
done
mv "$work/kernels.ptx" "$target"
ls -l "$target"
