#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make the training environment, apart from the project's own (2.6 GB, two minutes):
#     tools/train/make_venv.sh FOLDER
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 64; }
"${PYTHON:-python3}" -m venv "$1"
"$1/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 torch==2.13.0
"$1/bin/python" -c "import tensorflow, torch" 2>/dev/null || { echo "$1: TensorFlow or torch does not load" >&2; exit 69; }
echo "$1: ready; next: python tools/train/train.py --venv $1"
