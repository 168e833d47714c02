package process

import (
	"syscall"
	"testing"
)

// BenchmarkFork is what the helper stage costs: from the fork until the program
// has run to its end.
func BenchmarkFork(b *testing.B) {
	for b.Loop() {
		pid, executed, err := Fork(Spec{Path: "/bin/true", Args: []string{"true"}}, Files{})
		if err != nil {
			b.Fatal(err)
		}
		if err := executed(); err != nil {
			b.Fatal(err)
		}
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}
