#!/bin/bash
# Builds eSpeak NG from Debian's source package, in the sandbox of the set "build": a program without
# a sound card, and the data of Mandarin and English alone.
#
#   /in     the source package's files, by their names; read-only
#   /out    where the installed tree goes
#   /work   scratch space
#
# Lines that begin with "@ " say which step begins.
set -euo pipefail
jobs=$1

echo "@ unpacking"
mkdir /work/src && cd /work/src
tar -xzf /in/espeak-ng_*.orig.tar.gz --strip-components=1 --no-same-owner
tar -xJf /in/espeak-ng_*.debian.tar.xz --no-same-owner

echo "@ patching"
while read -r patch _; do
	case $patch in '' | '#'*) continue ;; esac
	patch -p1 -s --no-backup-if-mismatch -i "debian/patches/$patch"
done <debian/patches/series

echo "@ configuring"
# What its own autogen.sh does, which asks for programs that are not here.
mkdir -p m4
touch AUTHORS ChangeLog NEWS
autoreconf -fi
./configure --build=x86_64-linux-gnu --prefix=/usr --disable-shared --enable-static \
	--without-pcaudiolib --without-sonic --without-klatt --without-mbrola --without-speechplayer --without-async \
	CFLAGS="-O2 -g0 -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=3 -ffile-prefix-map=/work=." \
	LDFLAGS="-Wl,-z,relro -Wl,-z,now -Wl,--as-needed"

echo "@ compiling"
data=/usr/share/espeak-ng-data
make -j"$jobs" DATADIR=$data src/espeak-ng

echo "@ dictionaries"
make DATADIR=$data en cmn

echo "@ installing"
mkdir -p /out/usr/bin /out$data/lang/sit /out$data/lang/gmw
install -m 755 src/espeak-ng /out/usr/bin/espeak-ng
strip --strip-unneeded /out/usr/bin/espeak-ng
cd espeak-ng-data
install -m 644 phontab phonindex phondata intonations cmn_dict en_dict /out$data/
install -m 644 lang/sit/cmn /out$data/lang/sit/
install -m 644 lang/gmw/en lang/gmw/en-US /out$data/lang/gmw/
