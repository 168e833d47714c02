package vfiouser

import (
	"bytes"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestMapping(t *testing.T) {
	c := newClient(t, newToy())
	fd := memfd(t, 0x10000)
	for _, tt := range []struct {
		name               string
		flags              uint32
		offset, iova, size uint64
		fds                []int
		want               unix.Errno
	}{
		{"rom without a descriptor", 1, 0, 0xf0000, 0x10000, nil, 0},
		{"nothing", 3, 0, 0, 0, []int{fd}, unix.EINVAL},
		{"around the end of the world", 3, 0, ^uint64(0) - 0xfff, 0x2000, []int{fd}, unix.EINVAL},
		{"with odd flags", 8, 0, 0, 0x1000, []int{fd}, unix.EINVAL},
		{"more than the file", 3, 0, 0, 0x11000, []int{fd}, unix.EINVAL},
		{"beyond the file", 3, 0x10000, 0, 0x1000, []int{fd}, unix.EINVAL},
		{"far beyond the file", 3, ^uint64(0) - 0xfff, 0, 0x1000, []int{fd}, unix.EINVAL},
		{"off a page", 3, 1, 0, 0x1000, []int{fd}, unix.EINVAL},
		{"of a socket", 3, 0, 0, 0x1000, []int{c.fd}, unix.EINVAL},
		{"of an eventfd", 3, 0, 0, 0x1000, []int{eventfd(t)}, unix.EINVAL},
		{"ram", 3, 0x1000, 0x10000, 0x8000, []int{fd}, 0},
		{"over another's start", 3, 0, 0xf000, 0x2000, []int{fd}, unix.EEXIST},
		{"over another's end", 3, 0, 0x17000, 0x2000, []int{fd}, unix.EEXIST},
		{"inside another", 3, 0, 0x12000, 0x1000, []int{fd}, unix.EEXIST},
		{"around another", 3, 0, 0xf000, 0x10000, []int{fd}, unix.EEXIST},
		{"beside it, only to read", 1, 0, 0x18000, 0x1000, []int{fd}, 0},
	} {
		if got := c.dmaMap(tt.flags, tt.offset, tt.iova, tt.size, tt.fds...); got != tt.want {
			t.Errorf("map %s: %v, want %v", tt.name, got, tt.want)
		}
	}
	c.do(func(h Host) {
		p := []byte("hello")
		if err := h.WriteMemory(0x10000, p); err != nil {
			t.Error(err)
		}
		got := make([]byte, 5)
		if _, err := unix.Pread(fd, got, 0x1000); err != nil || !bytes.Equal(got, p) {
			t.Errorf("the file holds %q, %v", got, err)
		}
		if err := h.ReadMemory(0x17ffe, got); err != nil {
			t.Errorf("reading across two ranges: %v", err)
		}
		for name, err := range map[string]error{
			"reading nowhere":            h.ReadMemory(0x9000, p),
			"reading what has no file":   h.ReadMemory(0xf0000, p),
			"reading across the end":     h.ReadMemory(0x18ffe, p),
			"writing what is read only":  h.WriteMemory(0x18000, p),
			"writing into what is so":    h.WriteMemory(0x17ffe, p),
			"reading at the world's end": h.ReadMemory(^uint64(0), p),
		} {
			if !errors.Is(err, ErrAddress) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := h.Store32(0x10004, 0x01020304); err != nil {
			t.Error(err)
		}
		if v, err := h.Load32(0x10004); v != 0x01020304 || err != nil {
			t.Errorf("a word reads %#x, %v", v, err)
		}
		if err := h.ReadMemory(0x10004, p[:4]); err != nil || !bytes.Equal(p[:4], []byte{4, 3, 2, 1}) {
			t.Errorf("a word is stored as % x, %v", p[:4], err)
		}
		for _, addr := range []uint64{0x10001, 0x17ffe, 0x9000, 0xf0000, ^uint64(0) - 3} {
			if _, err := h.Load32(addr); !errors.Is(err, ErrAddress) {
				t.Errorf("a word at %#x: %v", addr, err)
			}
			if err := h.Store32(addr, 0); !errors.Is(err, ErrAddress) {
				t.Errorf("storing a word at %#x: %v", addr, err)
			}
		}
	})
	for _, tt := range []struct {
		name       string
		flags      uint32
		iova, size uint64
		want       unix.Errno
	}{
		{"half a range", 0, 0x10000, 0x4000, unix.EINVAL},
		{"the other half", 0, 0x14000, 0x4000, unix.EINVAL},
		{"nothing", 0, 0x10000, 0, unix.EINVAL},
		{"what is not there", 0, 0x9000, 0x1000, unix.ENOENT},
		{"around the world", 0, 0x10000, ^uint64(0), unix.EINVAL},
		{"with dirty pages", 1, 0x10000, 0x8000, unix.ENOTSUP},
		{"two ranges at once", 0, 0x10000, 0x9000, 0},
		{"all, but not really", 2, 0x1000, 0x1000, unix.EINVAL},
		{"all", 2, 0, 0, 0},
		{"what was all", 0, 0xf0000, 0x10000, unix.ENOENT},
	} {
		if got := c.dmaUnmap(tt.flags, tt.iova, tt.size); got != tt.want {
			t.Errorf("unmap %s: %v, want %v", tt.name, got, tt.want)
		}
	}
	c.do(func(h Host) {
		if err := h.ReadMemory(0x10000, make([]byte, 1)); !errors.Is(err, ErrAddress) {
			t.Errorf("reading what was unmapped: %v", err)
		}
	})
}

// TestShrunkMemory: a file that is cut off under its mapping is an error, and
// nothing worse.
func TestShrunkMemory(t *testing.T) {
	c := newClient(t, newToy())
	fd := memfd(t, 0x4000)
	if errno := c.dmaMap(3, 0, 0, 0x4000, fd); errno != 0 {
		t.Fatal(errno)
	}
	if err := unix.Ftruncate(fd, 0x1000); err != nil {
		t.Fatal(err)
	}
	c.do(func(h Host) {
		p := make([]byte, 16)
		if err := h.ReadMemory(0x800, p); err != nil {
			t.Errorf("reading what is still there: %v", err)
		}
		for name, err := range map[string]error{
			"reading": h.ReadMemory(0x2000, p),
			"writing": h.WriteMemory(0x2000, p),
			"storing": h.Store32(0x2000, 1),
		} {
			if !errors.Is(err, ErrAddress) {
				t.Errorf("%s what is gone: %v", name, err)
			}
		}
		if _, err := h.Load32(0x2000); !errors.Is(err, ErrAddress) {
			t.Errorf("loading what is gone: %v", err)
		}
	})
	c.call(cmdReset, nil)
}

func TestMapsAreBounded(t *testing.T) {
	var m memory
	for i := range uint64(maxMaps) {
		if err := m.add(dmaMap{iova: i << 12, size: 1 << 12}, -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.add(dmaMap{iova: 1 << 40, size: 1 << 12}, -1); err != unix.ENOSPC {
		t.Errorf("one map too many: %v", err)
	}
}

// TestMemoryModel holds guest memory against a map of octets, over random maps,
// unmaps, reads and writes.
func TestMemoryModel(t *testing.T) {
	const page, pages = 4096, 12
	fd := memfd(t, page*pages)
	rapid.Check(t, func(t *rapid.T) {
		var m memory
		defer m.clear()
		back := map[uint64]uint64{} // page of the guest to page of the file
		file := make([]byte, page*pages)
		if _, err := unix.Pwrite(fd, file, 0); err != nil {
			t.Fatal(err)
		}
		// span draws a run of pages.
		span := func(t *rapid.T, label string) (uint64, uint64) {
			return uint64(rapid.IntRange(0, pages-1).Draw(t, label)), uint64(rapid.IntRange(1, 4).Draw(t, label+" size"))
		}
		starts := map[uint64]uint64{} // first page to number of pages
		t.Repeat(map[string]func(*rapid.T){
			"map": func(t *rapid.T) {
				at, n := span(t, "at")
				from := uint64(rapid.IntRange(0, pages-4).Draw(t, "from"))
				free := true
				for i := range n {
					_, used := back[at+i]
					free = free && !used
				}
				err := m.add(dmaMap{flags: 3, offset: from * page, iova: at * page, size: n * page}, fd)
				if free != (err == nil) {
					t.Fatalf("map of %d pages at %d: %v, free %v", n, at, err, free)
				}
				if err == nil {
					starts[at] = n
					for i := range n {
						back[at+i] = from + i
					}
				}
			},
			"unmap": func(t *rapid.T) {
				at, n := span(t, "at")
				found, cut := false, false
				for s, k := range starts {
					if s < at+n && at < s+k {
						found = true
						cut = cut || s < at || s+k > at+n
					}
				}
				err := m.remove(dmaUnmap{iova: at * page, size: n * page})
				if (err == nil) != (found && !cut) {
					t.Fatalf("unmap of %d pages at %d: %v; found %v, cut %v", n, at, err, found, cut)
				}
				if err != nil {
					return
				}
				for s, k := range starts {
					if s >= at && s < at+n {
						delete(starts, s)
						for i := range k {
							delete(back, s+i)
						}
					}
				}
			},
			"access": func(t *rapid.T) {
				addr := uint64(rapid.IntRange(0, pages*page-1).Draw(t, "addr"))
				p := rapid.SliceOfN(rapid.Byte(), 1, 2*page).Draw(t, "data")
				there := true
				for i := range uint64(len(p)) {
					_, ok := back[(addr+i)/page]
					there = there && ok
				}
				if rapid.Bool().Draw(t, "write") {
					if !there {
						return // it may write a part
					}
					if err := m.write(addr, p); err != nil {
						t.Fatal(err)
					}
					for i := range uint64(len(p)) {
						file[back[(addr+i)/page]*page+(addr+i)%page] = p[i]
					}
					return
				}
				if err := m.read(addr, p); there != (err == nil) {
					t.Fatalf("read of %d at %#x: %v, there %v", len(p), addr, err, there)
				}
				for i := range uint64(len(p)) {
					if there && p[i] != file[back[(addr+i)/page]*page+(addr+i)%page] {
						t.Fatalf("octet %#x = %#x", addr+i, p[i])
					}
				}
			},
		})
	})
}
