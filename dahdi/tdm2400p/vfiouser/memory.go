package vfiouser

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The flags of DMA_MAP and DMA_UNMAP.
const (
	dmaRead     = 1
	dmaWrite    = 2
	dmaUnmapAll = 2
)

// memory is the guest's memory, as far as the client has announced it.
type memory struct {
	ranges []dmaRange // by address, without overlap
	last   int        // where the last access was: mostly the next one is there
}

type dmaRange struct {
	iova, size uint64
	mem        []byte // nil: it can't be accessed
	writable   bool
}

func (r *dmaRange) end() uint64 { return r.iova + r.size }

// find returns the index of the first range that ends beyond addr.
func (m *memory) find(addr uint64) int {
	i, _ := slices.BinarySearchFunc(m.ranges, addr, func(r dmaRange, addr uint64) int {
		if r.end() <= addr {
			return -1
		}
		return 1
	})
	return i
}

// add maps a range. fd is -1 if there is none; it stays the caller's.
func (m *memory) add(d dmaMap, fd int) error {
	if d.size == 0 || d.iova+d.size < d.iova || d.flags&^(dmaRead|dmaWrite) != 0 {
		return unix.EINVAL
	}
	i := m.find(d.iova)
	if i < len(m.ranges) && m.ranges[i].iova < d.iova+d.size {
		return unix.EEXIST
	}
	if len(m.ranges) >= maxMaps {
		return unix.ENOSPC
	}
	r := dmaRange{iova: d.iova, size: d.size, writable: d.flags&dmaWrite != 0}
	if fd >= 0 && d.flags != 0 {
		var err error
		if r.mem, err = mapFile(fd, d); err != nil {
			return err
		}
	}
	m.ranges = slices.Insert(m.ranges, i, r)
	m.last = 0
	return nil
}

// mapFile maps guest memory. Only a regular file (a memfd is one) that is long
// enough will do: the rest of a mapping would be a trap.
func mapFile(fd int, d dmaMap) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("looking at guest memory: %w", err)
	}
	size := uint64(max(st.Size, 0))
	if st.Mode&unix.S_IFMT != unix.S_IFREG || d.offset > size || d.size > size-d.offset {
		return nil, unix.EINVAL
	}
	prot := 0
	if d.flags&dmaRead != 0 {
		prot |= unix.PROT_READ
	}
	if d.flags&dmaWrite != 0 {
		prot |= unix.PROT_READ | unix.PROT_WRITE // no machine can only write
	}
	mem, err := unix.Mmap(fd, int64(d.offset), int(d.size), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping guest memory: %w", err)
	}
	return mem, nil
}

// remove unmaps all ranges inside of d; none may be cut in two.
func (m *memory) remove(d dmaUnmap) error {
	switch d.flags {
	case dmaUnmapAll:
		if d.iova != 0 || d.size != 0 {
			return unix.EINVAL
		}
		m.clear()
		return nil
	case 0:
	default:
		return unix.ENOTSUP
	}
	if d.size == 0 || d.iova+d.size < d.iova {
		return unix.EINVAL
	}
	end := d.iova + d.size
	i := m.find(d.iova)
	j := i
	for j < len(m.ranges) && m.ranges[j].iova < end {
		if m.ranges[j].iova < d.iova || m.ranges[j].end() > end {
			return unix.EINVAL
		}
		j++
	}
	if i == j {
		return unix.ENOENT
	}
	for k := i; k < j; k++ {
		m.unmap(k)
	}
	m.ranges = slices.Delete(m.ranges, i, j)
	m.last = 0
	return nil
}

func (m *memory) clear() {
	for i := range m.ranges {
		m.unmap(i)
	}
	m.ranges, m.last = nil, 0
}

func (m *memory) unmap(i int) {
	if mem := m.ranges[i].mem; mem != nil {
		// It fails only for what was never mapped.
		_ = unix.Munmap(mem)
		m.ranges[i].mem = nil
	}
}

// at returns the memory from addr to the end of its range.
func (m *memory) at(addr uint64, write bool) ([]byte, error) {
	if m.last >= len(m.ranges) || addr < m.ranges[m.last].iova || addr >= m.ranges[m.last].end() {
		i := m.find(addr)
		if i == len(m.ranges) || addr < m.ranges[i].iova {
			return nil, ErrAddress
		}
		m.last = i
	}
	r := &m.ranges[m.last]
	if r.mem == nil || write && !r.writable {
		return nil, ErrAddress
	}
	return r.mem[addr-r.iova:], nil
}

// gone turns the fault of an access to memory whose file was cut off into an
// error; every other panic goes on.
func gone(err *error) {
	r := recover()
	if r == nil {
		return
	}
	type fault interface {
		runtime.Error
		Addr() uintptr
	}
	if _, ok := r.(fault); ok {
		*err = ErrAddress
		return
	}
	panic(r)
}

func (m *memory) read(addr uint64, p []byte) (err error) {
	defer gone(&err)
	for len(p) > 0 {
		mem, err := m.at(addr, false)
		if err != nil {
			return err
		}
		n := copy(p, mem)
		p, addr = p[n:], addr+uint64(n)
	}
	return nil
}

func (m *memory) write(addr uint64, p []byte) (err error) {
	defer gone(&err)
	for len(p) > 0 {
		mem, err := m.at(addr, true)
		if err != nil {
			return err
		}
		n := copy(mem, p)
		p, addr = p[n:], addr+uint64(n)
	}
	return nil
}

// word returns where a 32-bit word is. A mapping starts at a page, so what is
// aligned for the guest is aligned here, if the range is.
func (m *memory) word(addr uint64, write bool) (*uint32, error) {
	mem, err := m.at(addr, write)
	if err != nil {
		return nil, err
	}
	if len(mem) < 4 || uintptr(unsafe.Pointer(&mem[0]))%4 != 0 {
		return nil, ErrAddress
	}
	return (*uint32)(unsafe.Pointer(&mem[0])), nil
}

// swap converts between the host's order of octets and little endian.
func swap(v uint32) uint32 {
	var b [4]byte
	le.PutUint32(b[:], v)
	return *(*uint32)(unsafe.Pointer(&b))
}

func (m *memory) load32(addr uint64) (v uint32, err error) {
	defer gone(&err)
	w, err := m.word(addr, false)
	if err != nil {
		return 0, err
	}
	return swap(atomic.LoadUint32(w)), nil
}

func (m *memory) store32(addr uint64, v uint32) (err error) {
	defer gone(&err)
	w, err := m.word(addr, true)
	if err != nil {
		return err
	}
	atomic.StoreUint32(w, swap(v))
	return nil
}
