#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fetch_debian.sh ARCH FOLDER PACKAGE...: unpack Debian packages of another machine into FOLDER.
#
# apt gets its own state under FOLDER, so the architecture is not added to this computer and no
# root is needed; packages come from the sources this computer already trusts, by name.
set -euo pipefail

arch=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
shift 2

state="$folder/.apt"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/debs"
: >"$state/status"
cat >"$state/apt.conf" <<CONF
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
CONF
export APT_CONFIG="$state/apt.conf"

missing=()
for package in "$@"; do
  [ -e "$state/done.$package" ] || missing+=("$package")
done
((${#missing[@]})) || exit 0

# One unreachable mirror of several is no reason to stop: the download below decides.
apt-get update -qq 2>"$state/update.log" || true
if ! (cd "$state/debs" && apt-get download -qq "${missing[@]}" 2>"$state/download.log"); then
  echo "fetch_debian: cannot download for $arch: ${missing[*]}" >&2
  tail -3 "$state/update.log" "$state/download.log" >&2
  echo "fetch_debian: check the Debian sources and the network, then run it again" >&2
  exit 69
fi
for deb in "$state"/debs/*.deb; do
  dpkg -x "$deb" "$folder"
  rm "$deb"
done
for package in "${missing[@]}"; do
  : >"$state/done.$package"
done
