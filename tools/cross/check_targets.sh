#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every target of the C headers: warnings, sanitizers, x86-64 with and without AVX2, aarch64 and
# armv7 under qemu-user, Python and its twins: one set of checksums.  Then instruction counts.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-.venv/bin/python}
missing=()
for tool in gcc:gcc aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu valgrind:valgrind \
  arm-linux-gnueabihf-gcc:gcc-arm-linux-gnueabihf qemu-aarch64-static:qemu-user-static \
  qemu-arm-static:qemu-user-static qemu-aarch64:qemu-user; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
if ((${#missing[@]})); then
  echo "check_targets: missing; run: sudo apt install --no-install-recommends ${missing[*]}" >&2
  exit 69
fi

EDGELEAK_NEED_TARGETS=1 "$python" -m pytest -q tests/test_c_headers.py
"$python" tools/count_instructions.py --size 640x480
