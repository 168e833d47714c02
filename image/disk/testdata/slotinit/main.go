// Command slotinit stands for a firmware that never gets healthy: it says which
// slot it was started from and ends, which makes the kernel panic.
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		fmt.Println("mounting /proc:", err)
		return
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		fmt.Println("reading the command line:", err)
		return
	}
	for _, arg := range strings.Fields(string(cmdline)) {
		if slot, ok := strings.CutPrefix(arg, "switchroom.slot="); ok {
			fmt.Printf("\nstarted slot %s\n", slot)
		}
		if arg == "extra=1" {
			fmt.Printf("\nextra argument\n")
		}
	}
}
