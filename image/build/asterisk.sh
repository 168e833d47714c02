#!/bin/bash
# Builds Asterisk from Debian's source package, in the sandbox of the set "build".
#
#   /in        the source package's files, by their names; read-only
#   /modules   names of the modules to build, one a line
#   /headers   the DAHDI driver's headers
#   /out       where the installed tree goes
#   /work      scratch space; always this name, because it gets into the binaries' assertions
#
# Lines that begin with "@ " say which step begins.
set -euo pipefail
jobs=$1

echo "@ unpacking"
mkdir /work/src && cd /work/src
tar -xJf /in/asterisk_*.orig.tar.xz --strip-components=1 --no-same-owner
for f in /in/asterisk_*.orig-*.tar.xz; do
	component=${f##*.orig-}
	component=${component%.tar.xz}
	mkdir "$component"
	tar -xJf "$f" -C "$component" --strip-components=1 --no-same-owner
done
tar -xJf /in/asterisk_*.debian.tar.xz --no-same-owner

echo "@ patching"
# Two of Debian's patches stay out. 2016_opus_plc makes the translator of an audiohook drop frames
# whose sequence number is older than the last one's, so that a recording or a listener loses the
# new party after a transfer. 2006_enable_test_framework fills AMI with TestEvents.
while read -r patch _; do
	case $patch in
	'' | '#'* | 2016_opus_plc.patch | 2006_enable_test_framework.patch) continue ;;
	esac
	patch -p1 -s --no-backup-if-mismatch -i "debian/patches/$patch"
done <debian/patches/series
test -f debian/patches/2016_opus_plc.patch && test -f debian/patches/2006_enable_test_framework.patch

# 1009_build_reproducibly takes the date from here; the rest of what it writes is fixed.
SOURCE_DATE_EPOCH=$(date -d "$(sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)" +%s)
export SOURCE_DATE_EPOCH
sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog | sed 's/^[0-9]*://' >.version

echo "@ configuring"
# As Debian's rules do: Debian's own codecs in their places, and pjproject as the tarball, with the
# hash, that the bundled build wants.
pj=pjproject-$(sed -n 's/^PJPROJECT_VERSION *= *//p' third-party/versions.mak)
mkdir /work/externals
tar -cjf "/work/externals/$pj.tar.bz2" --transform "s,^Xpjproject,$pj," --sort=name --owner=0 --group=0 Xpjproject
(cd /work/externals && md5sum "$pj.tar.bz2") >"third-party/pjproject/$pj.tar.bz2.md5"
cp -rf -t . Xamr/codecs Xamr/include Xamr/res Xopus/codecs Xopus/formats
chmod 755 debian/dummyprogs/fetch
PATH=$PATH:/work/src/debian/dummyprogs # stands for a download tool; there is no network here

flags="-O2 -fno-partial-inlining -g0 -fstack-protector-strong -fstack-clash-protection -fcf-protection"
flags+=" -Wformat -Werror=format-security -D_FORTIFY_SOURCE=3 -I/headers"
./bootstrap.sh
# Without the documentation in the program: reading it is four fifths of Asterisk's start-up time.
./configure --disable-xmldoc --build=x86_64-linux-gnu --prefix=/usr --libdir=/usr/lib/x86_64-linux-gnu \
	--sysconfdir=/etc --localstatedir=/var --mandir=/usr/share/man \
	--disable-asteriskssl --with-gsm --with-pjproject-bundled --with-externals-cache=/work/externals \
	--without-pwlib --without-sdl \
	CFLAGS="$flags" CXXFLAGS="$flags" LDFLAGS="-Wl,-z,relro -Wl,-z,now -Wl,--as-needed"

build=(AST_FORTIFY_SOURCE= DEBUG= OPTIMIZE= ASTDATADIR=/usr/share/asterisk ASTVARRUNDIR=/run/asterisk)
make menuselect.makeopts
choose=(--disable BUILD_NATIVE)
for category in ADDONS APPS BRIDGES CDR CEL CHANNELS CODECS FORMATS FUNCS PBX RES TESTS UTILS AGIS CORE_SOUNDS EXTRA_SOUNDS MOH; do
	choose+=(--disable-category "MENUSELECT_$category")
done
while read -r module; do choose+=(--enable "$module"); done </modules
choose+=(--enable astcanary)
menuselect/menuselect "${choose[@]}" menuselect.makeopts

echo "@ compiling"
make -j"$jobs" "${build[@]}"

echo "@ installing"
make "${build[@]}" DESTDIR=/out install >/dev/null
find /out -type f \( -name '*.so*' -o -path '/out/usr/sbin/*' -o -path '/out/usr/bin/*' -o -path '/out/usr/lib/*' \) -print0 |
	while IFS= read -r -d '' f; do
		if [ "$(head -c 4 "$f" | od -An -tx1)" = " 7f 45 4c 46" ]; then strip --strip-unneeded "$f"; fi
	done
