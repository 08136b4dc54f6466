#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fetch_dtb.sh FOLDER: Debian's device tree of the Raspberry Pi Zero 2 W into FOLDER.
#
# It comes with Debian's arm64 kernel (about 70 MB); of that package only this one file is kept.
set -euo pipefail
cd "$(dirname "$0")/../.."

dtb=bcm2837-rpi-zero-2-w.dtb
mkdir -p "$1"
folder=$(cd "$1" && pwd)
[ -e "$folder/$dtb" ] && exit 0

# The package of that name only depends on the newest kernel; it also sets up apt's own state.
tools/cross/fetch_debian.sh arm64 "$folder" linux-image-arm64
export APT_CONFIG="$folder/.apt/apt.conf"
kernel=$(apt-cache depends linux-image-arm64 | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)/\1/p' | head -1)
if [ -z "$kernel" ] || ! (cd "$folder/.apt/debs" && apt-get download -qq "$kernel"); then
  echo "fetch_dtb: cannot download Debian's arm64 kernel; check the network, then run it again" >&2
  exit 69
fi
for deb in "$folder"/.apt/debs/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$folder" --wildcards --strip-components=5 \
    "./usr/lib/linux-image-*/broadcom/$dtb"
  rm "$deb"
done
