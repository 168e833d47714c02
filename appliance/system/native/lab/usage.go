package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what Asterisk has used so far.
type Usage struct {
	CPU     time.Duration // of all its threads, in user and in system mode
	Memory  int64         // resident now, in bytes
	Threads int
}

// ticksPerSecond is the unit of the times in /proc, which is the same on every Linux.
const ticksPerSecond = 100

// Usage reads it from /proc (proc_pid_stat(5)).
func (b *Box) Usage() (Usage, error) {
	// Asterisk is the only child of the sandbox's first process; a child is listed with the thread
	// that made it.
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", b.cmd.Process.Pid))
	if err != nil {
		return Usage{}, fmt.Errorf("finding Asterisk's process: %w", err)
	}
	child := ""
	for _, name := range lists {
		if list, err := os.ReadFile(name); err == nil { // a thread may have ended
			child += strings.TrimSpace(string(list))
		}
	}
	if child == "" {
		return Usage{}, errors.New("finding Asterisk's process: there is none")
	}
	stat, err := os.ReadFile("/proc/" + child + "/stat")
	if err != nil {
		return Usage{}, fmt.Errorf("reading what Asterisk uses: %w", err)
	}
	// The second field is the name, in brackets; the third is number 0 here.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	number := func(i int) int64 {
		n, convErr := strconv.ParseInt(fields[i], 10, 64)
		if convErr != nil {
			err = fmt.Errorf("reading what Asterisk uses: %w", convErr)
		}
		return n
	}
	const utime, stime, threads, rss = 11, 12, 17, 21
	u := Usage{
		CPU:     time.Duration(number(utime)+number(stime)) * time.Second / ticksPerSecond,
		Memory:  number(rss) * int64(os.Getpagesize()),
		Threads: int(number(threads)),
	}
	return u, err
}
