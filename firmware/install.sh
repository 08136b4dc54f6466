#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install this payload:  sh install.sh [ROOT]
#
# ROOT is the target's file system, / when it is missing.  The manifest is checked first, the new
# version is unpacked beside the old one, and only the last step makes it the current one, so an
# interrupted installation leaves the old version in place.  config.txt and cmdline.txt are the
# board owner's: what is missing in them is said at the end, never written.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=${1:-/}
root=${root%/}

(cd "$here" && sha256sum --check --quiet --strict MANIFEST.sha256) || {
  echo "install: the payload is damaged; nothing was changed" >&2
  exit 65
}
version=$(cat "$here/VERSION")
base="$root/opt/edgeleak"
fresh="$base/.new-$version"
firmware="$root/boot/firmware"

rm -rf "$fresh"
mkdir -p "$fresh"
cp -R "$here/site" "$here/bin" "$here/docs" "$here/boot" "$here/VERSION" "$fresh/"
# The service's user cannot keep byte code: without it every start compiles all modules anew.
# Of another version of Python it is not used, and does no harm.
python3 -m compileall -q -s "$fresh" -p "/opt/edgeleak/$version" "$fresh/site" >/dev/null 2>&1 \
  || echo "python3 compiled no byte code: starts take longer"
for kind in systemd/system:systemd udev/rules.d:udev sysusers.d:sysusers.d tmpfiles.d:tmpfiles.d \
  modprobe.d:modprobe.d modules-load.d:modules-load.d; do
  mkdir -p "$root/usr/lib/${kind%%:*}"
  cp "$here/${kind#*:}"/* "$root/usr/lib/${kind%%:*}/"
done
mkdir -p "$root/etc/edgeleak/conf.d"
[ -e "$root/etc/edgeleak/edgeleak.toml" ] || cp "$here/edgeleak.toml" "$root/etc/edgeleak/"
# Without its config.txt the boot partition is not mounted, and a copy would reach no boot loader.
if [ -e "$firmware/config.txt" ]; then
  mkdir -p "$firmware/overlays"
  for overlay in "$here"/boot/overlays/*.dtbo; do
    cp "$overlay" "$firmware/overlays/.new.dtbo"
    mv "$firmware/overlays/.new.dtbo" "$firmware/overlays/${overlay##*/}"
  done
fi
sync
rm -rf "$base/$version"
mv "$fresh" "$base/$version"
ln -sfn "$version" "$base/.current-new"
mv -T "$base/.current-new" "$base/current"
sync
echo "EdgeLeak $version is installed in $base/current"

if [ ! -e "$firmware/config.txt" ]; then
  echo "no $firmware/config.txt: mount the boot partition there and run install.sh again"
fi
if ! grep -qs '^dtoverlay=edgeleak-' "$firmware/config.txt"; then
  echo "add one of these lines to $firmware/config.txt, for the board that you have:"
  for overlay in "$here"/boot/overlays/*.dtbo; do
    overlay=${overlay##*/}
    echo "  dtoverlay=${overlay%.dtbo}"
  done
fi
# modprobe.d serves a spidev that is a module; a kernel with spidev inside must be told itself.
if ! grep -qs '/spidev\.ko' "$root"/lib/modules/*/modules.dep \
  && ! grep -qs 'spidev\.bufsiz=' "$firmware/cmdline.txt"; then
  echo "no kernel here has spidev as a module: add to the one line of $firmware/cmdline.txt:"
  echo "  $(cat "$here/boot/cmdline.add")"
fi
echo "then: systemd-sysusers; systemd-tmpfiles --create; systemctl enable edgeleak; reboot"
