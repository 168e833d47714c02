package network

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// insideVar marks a test process that runs in namespaces of its own.
const insideVar = "SWITCHROOM_TEST_INSIDE"

// inside runs the calling test again in a new user and network namespace,
// where it may do everything and touches nothing of the machine's; it works
// for an ordinary user as well. It reports whether this is the inner run; the
// outer has nothing more to do.
func inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideVar) == t.Name() {
		return true
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), insideVar+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("in its own namespace: %v\n%s", err, out)
	}
	return false
}

// wire is an Ethernet cable: "eth0" at the box's end, in this namespace, and
// "srv0" at the other, in one of its own.
type wire struct {
	t    *testing.T
	far  netns.NsHandle
	peer *netlink.Handle // of the far namespace
}

const farEnd = "srv0"

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{t: t}
	// The namespace is a thread's.
	runtime.LockOSThread()
	here, err := netns.Get()
	check(t, err)
	w.far, err = netns.New()
	check(t, err)
	check(t, netns.Set(here))
	runtime.UnlockOSThread()
	here.Close()

	lo, err := netlink.LinkByName("lo")
	check(t, err)
	check(t, netlink.LinkSetUp(lo))
	check(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "eth0", HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}},
		PeerName:  farEnd, PeerHardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 2},
	}))
	peer, err := netlink.LinkByName(farEnd)
	check(t, err)
	check(t, netlink.LinkSetNsFd(peer, int(w.far)))
	w.peer, err = netlink.NewHandleAt(w.far)
	check(t, err)
	w.do(func() error { return os.WriteFile("/proc/sys/net/ipv6/conf/"+farEnd+"/accept_dad", []byte("0"), 0) })
	return w
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// do runs f in the far namespace. What it opens stays there.
func (w *wire) do(f func() error) {
	w.t.Helper()
	errs := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is thrown away
		if err := netns.Set(w.far); err != nil {
			errs <- fmt.Errorf("entering the far namespace: %w", err)
			return
		}
		errs <- f()
	}()
	check(w.t, <-errs)
}

// plug connects the far end, or pulls the cable out.
func (w *wire) plug(in bool) {
	w.t.Helper()
	l, err := w.peer.LinkByName(farEnd)
	check(w.t, err)
	if in {
		check(w.t, w.peer.LinkSetUp(l))
	} else {
		check(w.t, w.peer.LinkSetDown(l))
	}
}

// address gives the far end an address.
func (w *wire) address(cidr string) {
	w.t.Helper()
	l, err := w.peer.LinkByName(farEnd)
	check(w.t, err)
	a, err := netlink.ParseAddr(cidr)
	check(w.t, err)
	if strings.Contains(cidr, ":") {
		a.Flags = unix.IFA_F_NODAD
	}
	check(w.t, w.peer.AddrReplace(l, a))
}
