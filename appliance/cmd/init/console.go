package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// console writes into the kernel's log, which shows on every console what is
// grave, keeps the rest for dmesg, and stamps it with the kernel's time.
type console struct {
	kmsg *os.File
}

// Levels of the kernel's log. `quiet` on the command line shows those below
// 4.
const (
	levelAlert   = 1
	levelError   = 3
	levelInfo    = 6
	kmsgPath     = "/dev/kmsg"
	kmsgLineSize = 900 // the kernel refuses longer ones, by 1,024 bytes with its prefix
)

// open opens the kernel's log. Without it the first program's own output has
// to do.
func (c *console) open() {
	// A kernel limits what it takes from a program in a short time.
	_ = os.WriteFile("/proc/sys/kernel/printk_devkmsg", []byte("on\n"), 0)
	f, err := os.OpenFile(kmsgPath, os.O_WRONLY, 0)
	if err == nil {
		c.kmsg = f
	}
}

func (c *console) write(level int, format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		line = strings.TrimRight(line, "\n")
		line = line[:min(len(line), kmsgLineSize)]
		if c.kmsg != nil {
			fmt.Fprintf(c.kmsg, "<%d>switchroom init: %s\n", level, line)
		} else {
			fmt.Fprintf(os.Stderr, "switchroom init: %s\n", line)
		}
	}
}

func (c *console) info(format string, args ...any) { c.write(levelInfo, format, args...) }
func (c *console) warn(format string, args ...any) { c.write(levelError, format, args...) }

// hush keeps the kernel's messages off the consoles, but for its last words:
// that a watchdog was let go of and goes on running is what we want, and the
// kernel cries out about it.
func (c *console) hush(do func()) {
	const printk = "/proc/sys/kernel/printk"
	was, err := os.ReadFile(printk)
	if err == nil && os.WriteFile(printk, []byte("1\n"), 0) == nil {
		// The first of its four numbers is the consoles' level.
		defer func() { _ = os.WriteFile(printk, was, 0) }()
	}
	do()
}

// fail says what went wrong and restarts the machine.
func (c *console) fail(err error) {
	c.write(levelAlert, "the box cannot start: %v", err)
	if os.Getpid() != 1 {
		os.Exit(1)
	}
	c.write(levelAlert, "restarting in %v", failPause)
	time.Sleep(failPause)
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		c.write(levelAlert, "restarting: %v", err)
		os.Exit(1) // the kernel panics, and panic= on its command line restarts it
	}
}
