#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install this payload:  sh install.sh [ROOT]
#
# ROOT is the target's file system, / when it is missing.  The manifest is checked first, the new
# version is unpacked beside the old one, and only the last step makes it the current one, so an
# interrupted installation leaves the old version in place.
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

rm -rf "$fresh"
mkdir -p "$fresh"
cp -R "$here/site" "$here/bin" "$here/docs" "$here/VERSION" "$fresh/"
for kind in systemd/system:systemd udev/rules.d:udev sysusers.d:sysusers.d tmpfiles.d:tmpfiles.d; do
  mkdir -p "$root/usr/lib/${kind%%:*}"
  cp "$here/${kind#*:}"/* "$root/usr/lib/${kind%%:*}/"
done
mkdir -p "$root/etc/edgeleak/conf.d"
[ -e "$root/etc/edgeleak/edgeleak.toml" ] || cp "$here/edgeleak.toml" "$root/etc/edgeleak/"
sync
rm -rf "$base/$version"
mv "$fresh" "$base/$version"
ln -sfn "$version" "$base/.current-new"
mv -T "$base/.current-new" "$base/current"
sync
echo "EdgeLeak $version is installed in $base/current"
case " $(cat "$root/boot/firmware/cmdline.txt" 2>/dev/null || true) " in
  *spidev.bufsiz=*) ;;
  *) echo "add to the kernel's command line: $(cat "$here/boot/cmdline.add")" ;;
esac
echo "then: systemd-sysusers; systemd-tmpfiles --create; systemctl enable --now edgeleak"
