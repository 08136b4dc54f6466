#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Wheels for the boards, built here: aarch64 and armv7 for Debian 12's Python 3.11.
#
#   tools/cross/build_wheels.sh [aarch64] [armv7l]     (both when none is named)
#
# Debian's cross compilers, the target's own headers and sysconfig; then the wheel is proved: its
# kernels run in the target's Python and NumPy under qemu-user and must give this machine's bytes.
# Result: dist/edgeleak-*-cp311-cp311-linux_{aarch64,armv7l}.whl
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-$PWD/.venv/bin/python}
runtime=(libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libbz2-1.0 liblzma5 libffi8 libuuid1 libssl3
  libcrypt1 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib
  libblas3 liblapack3 libgfortran5 python3-numpy)

die() {
  echo "build_wheels: $*" >&2
  exit 69
}

describe() { # sets arch, triplet, emulator for one wheel platform
  case $1 in
    aarch64) arch=arm64 triplet=aarch64-linux-gnu emulator=qemu-aarch64-static ;;
    armv7l) arch=armhf triplet=arm-linux-gnueabihf emulator=qemu-arm-static ;;
    *) die "unknown machine '$1': aarch64 or armv7l" ;;
  esac
}

build() { # the wheel of machine $1 with the target's headers under $2
  local machine=$1 root=$2 config="$2/sysconfig"
  mkdir -p "$config"
  cp "$root/usr/lib/python3.11/_sysconfigdata__$triplet.py" "$config/"
  # The same interpreter with the target's answers: compiler, suffix, platform.
  # The folder of the target's pyconfig.h comes first; Debian's Python.h asks for it by triplet.
  env PYTHONPATH="$config" _PYTHON_SYSCONFIGDATA_NAME="_sysconfigdata__$triplet" \
    _PYTHON_HOST_PLATFORM="linux-$machine" \
    CC="$triplet-gcc" LDSHARED="$triplet-gcc -shared" \
    CFLAGS="-I$root/usr/include/python3.11 -I$root/usr/include" \
    "$python" -W ignore setup.py -q egg_info --egg-base "build/cross/$machine" \
    build --build-base "build/cross/$machine/build" \
    bdist_wheel --plat-name "linux_$machine" --python-tag cp311 \
    --bdist-dir "build/cross/$machine/bdist" --dist-dir dist
}

for tool in dpkg apt-get; do
  command -v "$tool" >/dev/null || die "$tool is missing; wheels are cross-built on Debian 12"
done
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
  || die "the boards run Python 3.11, this is $("$python" -V); set PYTHON=python3.11"

make_wheel() { # one machine, whole: packages, wheel, proof
  local machine=$1 root="$PWD/build/cross/$1/root" wheel
  describe "$machine"
  tools/cross/fetch_debian.sh "$arch" "$root" libpython3.11-dev "${runtime[@]}"
  rm -f dist/edgeleak-*linux_"$machine".whl
  build "$machine" "$root"
  wheel=$(ls dist/edgeleak-*-cp311-cp311-linux_"$machine".whl)
  "$python" tools/cross/prove_wheel.py "$wheel" --root "$root" --triplet "$triplet" \
    --emulator "$emulator"
}

machines=("$@")
((${#machines[@]})) || machines=(aarch64 armv7l)
for machine in "${machines[@]}"; do
  describe "$machine"
  command -v "$triplet-gcc" >/dev/null \
    || die "no cross compiler $triplet-gcc; run: sudo apt install gcc-$triplet libc6-dev-$arch-cross"
  command -v "$emulator" >/dev/null || die "no $emulator; run: sudo apt install qemu-user-static"
done
"$python" -W ignore setup.py --version >/dev/null # the C files, once for all of them
jobs=()
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
for machine in "${machines[@]}"; do
  make_wheel "$machine" &
  jobs+=($!)
done
for job in "${jobs[@]}"; do
  wait "$job"
done
