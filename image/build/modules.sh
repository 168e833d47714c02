#!/bin/bash
# Builds the DAHDI kernel modules for the kernel whose headers the set "build" has.
#
#   /out   where the modules go
#   /work  scratch space; always this name, because it gets into the modules
#
# Lines that begin with "@ " say which step begins.
set -euo pipefail
jobs=$1

echo "@ preparing"
# Exactly one kernel, and one driver: two would mean that the lock was put together wrongly.
headers=(/usr/lib/modules/*/build)
source=(/usr/src/dahdi-[0-9]*)
test ${#headers[@]} = 1 && test ${#source[@]} = 1
kver=$(basename "$(dirname "${headers[0]}")")
cp -r "${source[0]}" /work/dahdi
cd /work/dahdi

echo "@ compiling"
# DOWNLOAD: firmware of other cards would be fetched; there is no network here, and no need.
make -j"$jobs" modules KVERS="$kver" KSRC="/usr/src/linux-headers-$kver" DOWNLOAD=echo \
	MODULES_EXTRA='dahdi_dummy dahdi_echocan_oslec'

echo "@ installing"
find drivers -name '*.ko' -exec cp -t /out {} +
strip --strip-debug /out/*.ko
echo "$kver" >/out/kernel
