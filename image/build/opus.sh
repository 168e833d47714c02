#!/bin/bash
# Builds libopus from Debian's source package, in the sandbox of the set "build", without the neural
# networks that Debian switches on.
#
#   /in     the source package's files, by their names; read-only
#   /out    where the library goes
#   /work   scratch space
#
# Lines that begin with "@ " say which step begins.
set -euo pipefail
jobs=$1

echo "@ unpacking"
mkdir /work/src && cd /work/src
tar -xJf /in/opus_*.orig.tar.xz --strip-components=1 --no-same-owner
tar -xJf /in/opus_*.debian.tar.xz --no-same-owner
if [ -s debian/patches/series ]; then
	while read -r patch _; do
		case $patch in '' | '#'*) continue ;; esac
		patch -p1 -s --no-backup-if-mismatch -i "debian/patches/$patch"
	done <debian/patches/series
fi

echo "@ configuring"
./configure --build=x86_64-linux-gnu --prefix=/usr --libdir=/usr/lib/x86_64-linux-gnu --disable-static --disable-doc \
	--disable-extra-programs --enable-custom-modes --disable-deep-plc --disable-dred --disable-osce \
	CFLAGS="-O2 -g0 -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=3 -ffile-prefix-map=/work=." \
	LDFLAGS="-Wl,-z,relro -Wl,-z,now -Wl,--as-needed"

echo "@ compiling"
make -j"$jobs"

echo "@ installing"
mkdir -p /out/usr/lib/x86_64-linux-gnu
cp -P .libs/libopus.so.0* /out/usr/lib/x86_64-linux-gnu/
strip --strip-unneeded /out/usr/lib/x86_64-linux-gnu/libopus.so.0.*
