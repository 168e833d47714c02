#!/bin/bash
# Builds libvorbis from Debian's source package, in the sandbox of the set "build", with arithmetic that
# needs no library of vector functions.
#
#   /in     the source package's files, by their names; read-only
#   /ogg    libogg and its headers; read-only
#   /out    where the library goes
#   /work   scratch space
#
# Lines that begin with "@ " say which step begins.
set -euo pipefail
jobs=$1

echo "@ unpacking"
mkdir /work/src && cd /work/src
tar -xzf /in/libvorbis_*.orig.tar.gz --strip-components=1 --no-same-owner
tar -xJf /in/libvorbis_*.debian.tar.xz --no-same-owner
while read -r patch _; do
	case $patch in '' | '#'*) continue ;; esac
	patch -p1 -s --no-backup-if-mismatch -i "debian/patches/$patch"
done <debian/patches/series

echo "@ configuring"
autoreconf -fi -I m4
OGG_CFLAGS=-I/ogg/usr/include OGG_LIBS="-L/ogg/usr/lib/x86_64-linux-gnu -logg" \
	./configure --build=x86_64-linux-gnu --prefix=/usr --libdir=/usr/lib/x86_64-linux-gnu --disable-static --disable-docs --disable-examples

echo "@ compiling"
make -C lib -j"$jobs" libvorbis.la \
	CFLAGS="-O2 -g0 -fsigned-char -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=3 -ffile-prefix-map=/work=." \
	LDFLAGS="-Wl,-z,relro -Wl,-z,now -Wl,--as-needed"

echo "@ installing"
mkdir -p /out/usr/lib/x86_64-linux-gnu
cp -P lib/.libs/libvorbis.so.0* /out/usr/lib/x86_64-linux-gnu/
strip --strip-unneeded /out/usr/lib/x86_64-linux-gnu/libvorbis.so.0.*
