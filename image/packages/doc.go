// Package packages brings Debian packages of locked versions onto the build machine: it resolves
// sets of them with apt, locks name, version, path, size and SHA-256, fetches what the lock names,
// unpacks it, and runs programs chrooted into the unpacked trees.
//
// Nothing is installed on the host, and no maintainer script is ever run. The host gives apt, its
// Debian archive keyring, and the address of its mirror; no mirror is named here.
//
// # Sets
//
// sets.json lists what is asked of apt. Every set is closed under dependencies, so each can be
// unpacked and used alone:
//
//   - root: libraries, kernel, prompts and tools from which the firmware's root is picked;
//   - tools: mksquashfs, GRUB, mtools, mke2fs and other makers of disks ([Store.Tools]);
//   - build: compilers and headers for Asterisk, the DAHDI modules and the speech synthesiser;
//   - voice: the encoder of the prompts that package prompts makes;
//   - vm: QEMU and its firmware;
//   - vmtest: dahdi_cfg, which our own configuration of cards is held against.
//
// A group of a set may keep only some of the packages that apt resolves ("keep", as in
// path.Match): the kernel is wanted without the machinery that installs it on a Debian machine.
//
// # The lock
//
// A mirror keeps one version of each package of a suite and no history. So lock.json says exactly
// which files are meant, and a content-addressed cache is tried before the mirror. Files that can
// be had nowhere make [Store.Fetch] fail with a [*MissingError]. For a run or a test, [Store.Usable]
// makes a lock with the suite's present versions in their place, whose Unlocked field says so and
// must be carried into whatever is built from it. `make relock` writes a new lock.
//
// sources.lock.json does the same for the source packages of everything that gets into an image
// (the root set, what package build compiles, GRUB), so that its corresponding source can be
// handed on.
//
// # The cache
//
// $SWITCHROOM_CACHE, else $XDG_CACHE_HOME/switchroom, else ~/.cache/switchroom:
//
//	blobs/<sha256>          packages and source files, as downloaded
//	trees/<hash>/           unpacked sets, by the hash of their list of packages; read-only
//	bin/<hash>              the program that sets a sandbox up
//	apt/                    apt's private root, only used to resolve
//	build/<name>-<hash>/    what package build compiled
//	locks/                  so that two builders do not do the same work at once
//
// Any number of processes may use one cache at the same time. Removing any part of it is safe
// while nobody uses it.
package packages
