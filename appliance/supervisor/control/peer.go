package control

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peerGroups gives the supplementary groups of a socket's peer as they were
// when it connected (SO_PEERGROUPS of unix(7)).
func peerGroups(fd int) ([]uint32, error) {
	groups := make([]uint32, 64)
	for {
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch errno {
		case 0:
			return groups[:size/4], nil
		case unix.ERANGE:
			groups = make([]uint32, size/4)
		default:
			return nil, fmt.Errorf("asking for the peer's groups: %w", errno)
		}
	}
}
