package unit

import (
	"fmt"
	"strings"
)

// CapSet is a set of Linux capabilities (capabilities(7)): bit n is the
// capability with number n of linux/capability.h.
type CapSet uint64

// capNames are the capabilities of linux/capability.h in the order of their
// numbers, up to Linux 5.9, which added the last so far.
var capNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// AllCaps holds every capability there is.
const AllCaps CapSet = 1<<len(capNames) - 1

// parseCaps reads names separated by spaces; a leading ~ means all but these.
func parseCaps(s string) (CapSet, error) {
	s, invert := strings.CutPrefix(s, "~")
	var set CapSet
	for name := range strings.FieldsSeq(s) {
		n := -1
		for i, known := range capNames {
			if strings.EqualFold(known, name) {
				n = i
			}
		}
		if n < 0 {
			return 0, fmt.Errorf("%q is not a capability", name)
		}
		set |= 1 << n
	}
	if invert {
		set = AllCaps &^ set
	}
	return set, nil
}

// String gives the names as a unit file has them.
func (c CapSet) String() string {
	var names []string
	for i, name := range capNames {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}
