package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"switchroom/image"
)

// host is where facts about disks come from. The zero value is this machine;
// tests set other roots.
type host struct {
	sys, proc string                                    // "/sys", "/proc"
	number    func(path string) (dev string, err error) // "8:16" of a block device
}

func (h host) withDefaults() host {
	if h.sys == "" {
		h.sys = "/sys"
	}
	if h.proc == "" {
		h.proc = "/proc"
	}
	if h.number == nil {
		h.number = blockNumber
	}
	return h
}

var errNotBlock = errors.New("not a block device")

// blockNumber is the major and minor number of a block device, as sysfs
// writes them.
func blockNumber(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return "", fmt.Errorf("%s is %w", path, errNotBlock)
	}
	rdev := uint64(st.Rdev)
	return fmt.Sprintf("%d:%d", unix.Major(rdev), unix.Minor(rdev)), nil
}

// disk is a whole disk, and what the host says of it.
type disk struct {
	path   string // as it was given, links followed
	name   string // the kernel's: sdb
	dir    string // its folder in sysfs
	size   int64  // bytes
	sector int64  // logical, bytes
	ro     bool
	model  string
	serial string
	uses   []string // what it is in use for, in words
}

// disk looks at a disk. It fails for what is not a whole disk.
func (h host) disk(path string) (disk, error) {
	h = h.withDefaults()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return disk{}, fmt.Errorf("looking for the disk: %w", err)
	}
	number, err := h.number(real)
	if err != nil {
		return disk{}, fmt.Errorf("looking at the disk: %w", err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(h.sys, "dev/block", number))
	if err != nil {
		return disk{}, fmt.Errorf("looking at the disk: %w", err)
	}
	d := disk{path: real, name: filepath.Base(dir), dir: dir}
	if exists(filepath.Join(dir, "partition")) {
		return disk{}, fmt.Errorf("%s is a partition: name the whole disk, /dev/%s", path, filepath.Base(filepath.Dir(dir)))
	}
	sectors, err := readInt(filepath.Join(dir, "size"))
	if err != nil {
		return disk{}, fmt.Errorf("asking for the size of %s: %w", path, err)
	}
	d.size = sectors * 512 // sysfs counts in 512 bytes, whatever the disk's own sectors
	if d.sector, err = readInt(filepath.Join(dir, "queue/logical_block_size")); err != nil {
		return disk{}, fmt.Errorf("asking for the sectors of %s: %w", path, err)
	}
	ro, err := readInt(filepath.Join(dir, "ro"))
	if err != nil {
		return disk{}, fmt.Errorf("asking whether %s can be written: %w", path, err)
	}
	d.ro = ro != 0
	d.model = strings.Join(strings.Fields(readText(filepath.Join(dir, "device/vendor"))+" "+readText(filepath.Join(dir, "device/model"))), " ")
	d.serial = readText(filepath.Join(dir, "device/serial"))
	if d.uses, err = h.uses(d); err != nil {
		return disk{}, err
	}
	return d, nil
}

// uses lists what the disk, or a partition of it, or something that stands on
// one of these, is in use for.
func (h host) uses(d disk) ([]string, error) {
	parts := map[string]string{} // number -> name
	holders := []string{}
	add := func(dir string) {
		parts[readText(filepath.Join(dir, "dev"))] = filepath.Base(dir)
		entries, err := os.ReadDir(filepath.Join(dir, "holders"))
		if err != nil {
			return // no holders: the kernel leaves the folder out for some devices
		}
		for _, e := range entries {
			what := e.Name()
			if dm := readText(filepath.Join(h.sys, "class/block", what, "dm/name")); dm != "" {
				what += " (" + dm + ")"
			}
			holders = append(holders, fmt.Sprintf("%s is part of %s: LVM, RAID or encryption", filepath.Base(dir), what))
		}
	}
	add(d.dir)
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, fmt.Errorf("listing the partitions of %s: %w", d.name, err)
	}
	for _, e := range entries {
		if sub := filepath.Join(d.dir, e.Name()); exists(filepath.Join(sub, "partition")) {
			add(sub)
		}
	}

	uses := holders
	mounts, err := lines(filepath.Join(h.proc, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("reading what is mounted: %w", err)
	}
	for _, l := range mounts {
		// proc_pid_mountinfo(5): id parent major:minor root mountpoint options … - type source superoptions
		f := strings.Fields(l)
		if len(f) < 7 {
			continue
		}
		number, point := f[2], f[4]
		name, ok := parts[number]
		if !ok {
			// btrfs and overlays have numbers of their own; their source may still be ours.
			if i := indexOf(f, "-"); i >= 0 && i+2 < len(f) && strings.HasPrefix(f[i+2], "/dev/") {
				if n, err := h.number(f[i+2]); err == nil {
					name, ok = parts[n]
				}
			}
		}
		switch {
		case !ok:
		case point == "/" || point == "/usr" || point == "/boot" || point == "/boot/efi":
			uses = append(uses, fmt.Sprintf("this computer runs from it: %s is mounted on %s", name, point))
		default:
			uses = append(uses, fmt.Sprintf("%s is mounted on %s", name, unescape(point)))
		}
	}
	swaps, err := lines(filepath.Join(h.proc, "swaps"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading what is swapped to: %w", err)
	}
	for _, l := range swaps {
		f := strings.Fields(l)
		if len(f) == 0 || !strings.HasPrefix(f[0], "/") {
			continue
		}
		if n, err := h.number(unescape(f[0])); err == nil && parts[n] != "" {
			uses = append(uses, parts[n]+" is used for swapping")
		}
	}
	return uses, nil
}

// usable says why the disk must not or can't be written, if so.
func (d disk) usable(need int64) error {
	switch {
	case len(d.uses) > 0:
		return fmt.Errorf("%s is in use:\n  %s\nUnmount it first (and make sure it is the right disk)", d.path, strings.Join(d.uses, "\n  "))
	case d.size == 0:
		return fmt.Errorf("%s has no medium in it", d.path)
	case d.ro:
		return fmt.Errorf("%s is read-only: look for a lock switch", d.path)
	case d.sector != image.SectorSize:
		return fmt.Errorf("%s has sectors of %d bytes; the image is laid out for %d", d.path, d.sector, image.SectorSize)
	case d.size < need:
		return fmt.Errorf("%s is too small: it has %s, the firmware and its data need %s", d.path, megabytes(d.size), megabytes(need))
	}
	return nil
}

func (d disk) describe() string {
	s := d.path + ", " + megabytes(d.size)
	if d.model != "" {
		s += ", " + d.model
	}
	if d.serial != "" {
		s += ", serial number " + d.serial
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readText is a sysfs attribute, "" where there is none.
func readText(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func readInt(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

func lines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []string
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		all = append(all, in.Text())
	}
	return all, in.Err()
}

func indexOf(f []string, s string) int {
	for i, x := range f {
		if x == s {
			return i
		}
	}
	return -1
}

// unescape undoes the octal escapes that the kernel writes paths with.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
