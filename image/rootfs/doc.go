// Package rootfs puts together what a firmware slot holds: the read-only root
// tree, the initramfs, and the squashfs of both.
//
// A [Tree] only says what is to be in it and where that comes from; nothing is
// copied until it is written, as a cpio for the kernel, or as a folder, for
// mksquashfs or to start the firmware's programs without a virtual machine. So
// the build needs no root: owners and devices exist in archives only.
//
// What comes into the root is chosen from unpacked Debian packages and from
// what was compiled (an [Overlay]), never a package as a whole: programs and
// modules with the libraries they load ([AddELF]), kernel modules from a list
// with what they depend on ([Kernel]), data by name. The bill of materials says
// which packages the chosen files came from ([SBOM]).
//
// The same inputs give the same bytes. Every time in an archive is that of the
// commit, every list is sorted, and Go programs are built without paths, build
// ids or VCS stamps.
package rootfs
