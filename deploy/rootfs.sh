#!/usr/bin/env bash
# Lays out a file system that holds one arqueta and nothing else: no shell, no package manager.
#
#   deploy/rootfs.sh BINARY FOLDER
#
# The Containerfile builds its image from it, and tests/e2e/test_packages.py runs a gateway in it.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
binary=$1 out=$2
[ ! -e "$out" ] || { echo "$out exists already" >&2; exit 1; }

# The account of the image: no other can write to /data.
user=65532

install -d "$out" "$out/etc" "$out/etc/ssl/certs"
install -d -m 1777 "$out/tmp"
install -D -m 755 "$binary" "$out/usr/bin/arqueta"
# Each library where the loader finds it by itself; the loader is one of them.
ldd "$binary" | grep -oE '/[^ ]+' | while read -r library; do
  install -D -m 755 "$(readlink -f "$library")" "$out$library"
done
# Authorities that key services and buckets elsewhere are checked against.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
  install -m 644 /etc/ssl/certs/ca-certificates.crt "$out/etc/ssl/certs/ca-certificates.crt"
fi
echo "arqueta:x:$user:$user:arqueta:/data:/nonexistent" > "$out/etc/passwd"
echo "arqueta:x:$user:" > "$out/etc/group"
echo "hosts: files dns" > "$out/etc/nsswitch.conf"
install -d -m 700 "$out/data"
[ "$(id -u)" -ne 0 ] || chown "$user:$user" "$out/data"
