// Package blockdev finds disks and partitions in sysfs: by the name that the
// GPT gives a partition, which the kernel shows as PARTNAME in the device's
// uevent file.
package blockdev

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Partition is one partition of a disk.
type Partition struct {
	Device string `json:"device"` // the kernel's name, "vda3"; the node is /dev/vda3
	Disk   string `json:"disk"`   // the disk it lies on, "vda"
	Number int    `json:"number"` // from 1
	Name   string `json:"name"`   // from the GPT; "" if it has none
	Start  uint64 `json:"start"`  // in sectors of 512 bytes, whatever the disk's own are
	Length uint64 `json:"length"` // in sectors of 512 bytes
}

// Partitions lists the partitions of all disks under sysfs's root (normally
// /sys), in a stable order: by the disk's name, shorter first (so that sdb
// comes before sdaa), then by number.
func Partitions(sysfs string) ([]Partition, error) {
	dir := filepath.Join(sysfs, "class/block")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing block devices: %w", err)
	}
	var all []Partition
	for _, e := range entries {
		p, err := Read(sysfs, e.Name())
		if err == nil && p.Number > 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, Compare)
	return all, nil
}

// Compare orders partitions as Partitions does.
func Compare(a, b Partition) int {
	if d := len(a.Disk) - len(b.Disk); d != 0 {
		return d
	}
	if d := strings.Compare(a.Disk, b.Disk); d != 0 {
		return d
	}
	return a.Number - b.Number
}

// Read gives what sysfs says of one block device. A whole disk has the number
// 0, and its own name as the disk's.
func Read(sysfs, device string) (Partition, error) {
	dir := filepath.Join(sysfs, "class/block", device)
	b, err := os.ReadFile(filepath.Join(dir, "uevent"))
	if err != nil {
		return Partition{}, fmt.Errorf("reading about block device %s: %w", device, err)
	}
	p := Partition{Device: device, Disk: device}
	for line := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch k {
		case "PARTN":
			if p.Number, err = strconv.Atoi(v); err != nil {
				return Partition{}, fmt.Errorf("reading about block device %s: PARTN: %w", device, err)
			}
		case "PARTNAME":
			p.Name = v
		}
	}
	if p.Length, err = number(dir, "size"); err != nil {
		return Partition{}, err
	}
	if p.Number == 0 {
		return p, nil
	}
	if p.Start, err = number(dir, "start"); err != nil {
		return Partition{}, err
	}
	// A partition's folder stands in its disk's.
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return Partition{}, fmt.Errorf("finding the disk of %s: %w", device, err)
	}
	p.Disk = filepath.Base(filepath.Dir(real))
	return p, nil
}

func number(dir, name string) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, fmt.Errorf("reading about a block device: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading %s/%s: %w", dir, name, err)
	}
	return n, nil
}

// OnDisk gives the partition with this name on the disk, and whether there
// is one. Of several the first counts.
func OnDisk(all []Partition, disk, name string) (Partition, bool) {
	for _, p := range all {
		if p.Disk == disk && p.Name == name {
			return p, true
		}
	}
	return Partition{}, false
}

// Choose picks the partition with the name. If there are several, on several
// disks, the one on the preferred disk wins ("" prefers none), else the first
// in order; others then says on which disks the rest lie.
func Choose(all []Partition, name, prefer string) (p Partition, others []string, ok bool) {
	var found []Partition
	for _, c := range all {
		if c.Name == name {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return Partition{}, nil, false
	}
	slices.SortFunc(found, Compare)
	i := max(slices.IndexFunc(found, func(c Partition) bool { return prefer != "" && c.Disk == prefer }), 0)
	p = found[i]
	for j, c := range found {
		if j != i {
			others = append(others, c.Disk)
		}
	}
	return p, others, true
}
