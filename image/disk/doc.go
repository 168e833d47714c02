// Package disk lays out the firmware's disk: the partition table, GRUB for
// BIOS and UEFI, the EFI system partition, and the two slots. It also reads
// and writes what of that the running box changes: the GRUB environment block
// with the try counters, and the data partition's entry in the table.
//
// # Starting a slot
//
// GRUB's environment block (grubenv, 1,024 bytes on the ESP) holds
//
//	slot           a or b: the slot to prefer
//	slot_a_tries   3..0: how often slot a may still be tried
//	slot_a_good    1 once the firmware in the slot has been healthy, else 0
//	slot_b_tries, slot_b_good: the same for slot b
//	extra_cmdline  added to the kernel's command line
//
// GRUB takes the preferred slot if it is good or has tries left, else the
// other under the same condition, else the preferred one all the same: a box
// whose first boots were cut short by a failing mains supply must come up when
// the mains does. Before it starts a slot that isn't good yet it takes one try
// away. The firmware sets slot_X_good=1 when it is healthy ([Grubenv.MarkGood]).
// No huge pages (transparent_hugepage=never): with them the kernel keeps 45 MB of a
// gigabyte free for its own purposes, gives a process 2 MB where it wants 4 KB, and
// moves memory about under running calls to make them.
//
// What makes a failed start come back to GRUB is panic=5 on the command line
// and a hardware watchdog that the initramfs arms.
//
// # What GRUB can read
//
// GRUB 2.14 reads squashfs compressed with gzip, xz or lzo, not zstd or lz4.
// Its save_env works on FAT because it rewrites the file's blocks in place;
// Linux must do the same (never rename a new grubenv over the old one), or GRUB
// would go on writing to blocks the file no longer has.
//
// # Without loop devices, without root
//
// grub-bios-setup wants a block device. What it does is small and done here
// instead: see [EmbedBIOS]. File systems are made by the locked tools on plain
// files; only the partition table is written by Go.
package disk
