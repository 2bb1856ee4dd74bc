#!/usr/bin/env bash
# Makes a Debian package of a binary that was built before.
#
#   deploy/deb.sh BINARY FOLDER
#
# prints the package's path. DPKG_DEB_COMPRESSOR_TYPE and DPKG_DEB_COMPRESSOR_LEVEL mean what they mean to
# dpkg-deb.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,7p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
binary=$(readlink -f "$1") out=$2
version=$("$binary" --version | cut -d' ' -f2)
# 1.0.0-rc.1 comes before 1.0.0 (deb-version(7)).
version=${version/-/\~}
arch=$(dpkg --print-architecture)
# The newest glibc whose symbols it uses.
glibc=$(grep -aoE 'GLIBC_2\.[0-9]+' "$binary" | sed s/GLIBC_// | sort -uV | tail -n1)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
put() { install -D -m "$1" "$2" "$root/$3"; }

install -D -m 755 "$binary" "$root/usr/bin/arqueta"
strip --strip-unneeded "$root/usr/bin/arqueta"
put 644 "$here/systemd/arqueta.service" usr/lib/systemd/system/arqueta.service
put 644 "$here/systemd/arqueta.sysusers" usr/lib/sysusers.d/arqueta.conf
put 644 "$here/../config/arqueta.toml" etc/arqueta/arqueta.toml
put 644 "$here/../LICENSE" usr/share/doc/arqueta/copyright
put 644 "$here/../CHANGELOG.md" usr/share/doc/arqueta/CHANGELOG.md
gzip -9n "$root/usr/share/doc/arqueta/CHANGELOG.md"
install -d "$root/usr/share/man/man1" "$root/DEBIAN"
"$binary" man-pages "$root/usr/share/man/man1"
gzip -9n "$root"/usr/share/man/man1/*.1
completions() { "$binary" completions "$1" > "$root/completions" && put 644 "$root/completions" "$2" && rm "$root/completions"; }
completions bash usr/share/bash-completion/completions/arqueta
completions zsh usr/share/zsh/vendor-completions/_arqueta
completions fish usr/share/fish/vendor_completions.d/arqueta.fish

cat > "$root/DEBIAN/control" <<END
Package: arqueta
Version: $version
Architecture: $arch
Maintainer: The Arqueta authors
Installed-Size: $(du -sk --apparent-size "$root" | cut -f1)
Depends: libc6 (>= $glibc), libgcc-s1, systemd | systemd-standalone-sysusers
Recommends: ca-certificates
Section: net
Priority: optional
Homepage: https://github.com/arqueta/arqueta
Description: S3 endpoint that keeps every object sealed under your own keys
 Serves the S3 API from a folder on local disk, seals each object by envelope
 encryption with S3 bucket keys, and answers AWS's KMS, STS, IAM and CloudTrail
 protocols on the same port.
END
echo /etc/arqueta/arqueta.toml > "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do put 755 "$here/debian/$script" "DEBIAN/$script"; done
(cd "$root" && find etc usr -type f -print0 | sort -z | xargs -0 md5sum > DEBIAN/md5sums)

mkdir -p "$out"
dpkg-deb --root-owner-group --build "$root" "$out" >&2
echo "$out/arqueta_${version}_$arch.deb"
