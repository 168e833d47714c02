package qemu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"switchroom/image/packages"
)

// probeTime is how long a kernel under KVM may take to say its first line. A
// working one takes well under a second.
const probeTime = 5 * time.Second

const kvmDevice = "/dev/kvm"

// ProbeKVM says whether guests run under KVM here, by starting the kernel (a
// bzImage) and waiting for its first line. A lesser probe will not do: there
// are machines on which a guest runs in real mode, BIOS and boot loader
// included, and hangs as soon as it switches to long mode. Where guests don't
// run, the second result says why not.
func ProbeKVM(ctx context.Context, tools Tools, kernel string) (ok bool, why string, err error) {
	f, err := os.OpenFile(kvmDevice, os.O_RDWR, 0)
	if err != nil {
		return false, err.Error(), nil
	}
	f.Close()

	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	cmd := tools.Command(ctx,
		packages.RunOptions{
			Binds:   []packages.Bind{{Host: filepath.Dir(kernel), Guest: "/mnt"}},
			Devices: []string{kvmDevice},
		},
		binary, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35,accel=kvm", "-cpu", "host",
		"-m", "256", "-kernel", "/mnt/"+filepath.Base(kernel), "-append", "earlyprintk=serial panic=-1",
		"-serial", "stdio")
	stderr := &tail{max: 1 << 10}
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, "", fmt.Errorf("making the probe's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return false, "", fmt.Errorf("starting the probe for KVM: %w", err)
	}
	in := bufio.NewScanner(out)
	for !ok && in.Scan() {
		ok = strings.Contains(in.Text(), "Linux version ")
	}
	timedOut := errors.Is(ctx.Err(), context.DeadlineExceeded)
	cancel()
	// It is killed in every case; only what it said counts.
	_ = cmd.Wait()
	switch {
	case ok:
		return true, "", nil
	case timedOut:
		return false, fmt.Sprintf("a kernel said nothing for %v", probeTime), nil
	}
	return false, "QEMU: " + stderr.String(), nil
}
