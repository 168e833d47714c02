package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netns"
)

// Enter makes an ordinary user's process fit for boxes: it runs the program again, with the same
// arguments, as root of a user name space, and returns that run's exit status and true. The inner
// run, and root's, get false: they go on.
func Enter(ctx context.Context, image *Image) (status int, done bool, err error) {
	if os.Geteuid() == 0 {
		return 0, false, nil
	}
	self, err := os.Executable()
	if err != nil {
		return 0, false, fmt.Errorf("entering a user name space: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), treeVariable+"="+image.tree)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), true, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("entering a user name space: %w", err)
	}
	return 0, true, nil
}

// network is the network name space of a box. What is opened in it stays in it. The zero value is
// that of this process.
type network struct{ ns netns.NsHandle }

// networkOf returns the network of a process.
func networkOf(pid int) (network, error) {
	ns, err := netns.GetFromPid(pid)
	if err != nil {
		return network{}, fmt.Errorf("finding the box's network: %w", err)
	}
	return network{ns}, nil
}

func (n network) close() { _ = n.ns.Close() }

// do runs f on a thread that is in the network. f must not start goroutines that open sockets. The
// thread goes back afterwards and is not thrown away, though that would be simpler: a box is killed
// when the thread that started it ends, and that may be any.
func (n network) do(f func() error) error {
	if n.ns == 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := netns.Get()
	if err != nil {
		return fmt.Errorf("entering the box's network: %w", err)
	}
	defer here.Close()
	if err := netns.Set(n.ns); err != nil {
		return fmt.Errorf("entering the box's network: %w", err)
	}
	defer func() {
		if err := netns.Set(here); err != nil {
			panic(fmt.Sprintf("a thread can't leave a box's network: %v", err)) // everything after would be in the wrong one
		}
	}()
	return f()
}
