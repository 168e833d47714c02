package boot

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// nodeGroup gives the group that may use a terminal's device node besides root;
// "" for none. consoles are the kernel's: a serial one of those is the way in
// for repairs and nobody else's. There is no udev here that would do this.
func nodeGroup(name string, consoles []string) string {
	switch {
	case name == "tty1":
		return "tty" // the front panel's screens stand on it
	case slices.Contains(consoles, name):
		return ""
	case strings.HasPrefix(name, "ttyUSB"), strings.HasPrefix(name, "ttyACM"), strings.HasPrefix(name, "ttyS"):
		return "dialout"
	}
	return ""
}

// giveNodes gives the nodes of all terminals to their groups, with root before
// every path ("" on the box).
func (s *System) giveNodes(root string, who *ids) {
	entries, err := os.ReadDir(root + "/sys/class/tty")
	if err != nil {
		s.problem("serial ports are root's alone: %v", err)
		return
	}
	for _, e := range entries {
		if err := giveNode(root, e.Name(), who); err != nil {
			s.log.Warn("a device node stays root's alone", "err", err)
		}
	}
}

// giveNode gives a terminal's node to its group, if it has one.
func giveNode(root, name string, who *ids) error {
	active, _ := os.ReadFile(root + "/sys/class/tty/console/active") // a kernel without a console has none
	group := nodeGroup(name, strings.Fields(string(active)))
	if group == "" || who.group(group) == 0 {
		return nil
	}
	node := filepath.Join(root+"/dev", filepath.Base(name))
	if err := os.Lchown(node, -1, who.group(group)); err != nil {
		return fmt.Errorf("giving %s to group %s: %w", node, group, err)
	}
	if err := os.Chmod(node, 0o660); err != nil {
		return fmt.Errorf("giving %s to group %s: %w", node, group, err)
	}
	return nil
}
