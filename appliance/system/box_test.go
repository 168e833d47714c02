//go:build vm

package system

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tdm2400p/control"
	"switchroom/dahdi/tdm2400p/loop"
	"switchroom/dahdi/tdm2400p/vfiouser"
	"switchroom/image"
	"switchroom/image/disk"
	"switchroom/image/qemu"
)

// patience bounds in wall time what would otherwise hang for ever. It says
// nothing about how fast anything has to be.
const patience = 3 * time.Minute

// machine is what a test wants to be started.
type machine struct {
	firmware qemu.Firmware
	cards    []string                // what sits in the places of each, such as "fxs:1-12,fxo:13-24"
	grubenv  func(*disk.Grubenv)     // changes what GRUB knows, on a copy of the image
	change   func(path string) error // changes a copy of the image in any other way
	extra    []string                // more arguments for QEMU
	second   func(path string) error // writes a second disk, /dev/nvme0n1 in the box
	sockets  []string                // of cards that are emulated elsewhere
}

// box is a running appliance with its cards and what is plugged into them.
type box struct {
	testing.TB
	vm   *qemu.VM
	ctl  *control.Client // nil without a card
	dir  string
	seen int // the console's lines up to this one are not looked at

	commands int    // that were run in the shell
	began    uint64 // when the scenario began, in card time
}

// start starts a machine and returns at once. It ends with the test, and if
// that failed its logs are kept.
func start(t testing.TB, m machine) *box {
	t.Helper()
	dir, err := os.MkdirTemp("", "vm-") // not t.TempDir: a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	b := &box{TB: t, dir: dir}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	cfg := qemu.Config{Disk: lab.image, Firmware: m.firmware, Dir: dir, Extra: m.extra}
	if m.grubenv != nil || m.change != nil {
		cfg.Disk = b.changedImage(m)
	}
	if m.second != nil {
		path := filepath.Join(dir, "second.img")
		if err := m.second(path); err != nil {
			t.Fatal(err)
		}
		cfg.Extra = append(slices.Clone(m.extra),
			"-drive", "if=none,id=second,format=raw,file="+path,
			"-device", "nvme,drive=second,serial=second")
	}
	cfg.Cards = append(b.plugIn(m.cards), m.sockets...)
	vm, err := lab.host.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.vm = vm
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := vm.Quit(ctx); err != nil {
			t.Errorf("ending the machine: %v", err)
		}
		if t.Failed() {
			b.keepLogs()
		}
	})
	return b
}

// in gives the box to a part of its test.
func (b *box) in(t *testing.T) *box {
	part := *b
	part.TB = t
	return &part
}

// limit is a context for one thing.
func (b *box) limit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.Context(), patience)
}

// changedImage makes a copy of the image as the machine wants it.
func (b *box) changedImage(m machine) string {
	b.Helper()
	path, err := lab.copyImage(b.dir)
	if err != nil {
		b.Fatalf("copying the image: %v", err)
	}
	if m.grubenv != nil {
		if err := changeGrubenv(path, m.grubenv); err != nil {
			b.Fatal(err)
		}
	}
	if m.change != nil {
		if err := m.change(path); err != nil {
			b.Fatal(err)
		}
	}
	return path
}

// changeGrubenv changes GRUB's environment block within a disk image. There
// is one block, which stands somewhere in the ESP at a sector's beginning.
func changeGrubenv(path string, change func(*disk.Grubenv)) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	esp := make([]byte, image.ESPSize)
	const at = image.BIOSStart + image.BIOSSize
	if _, err := f.ReadAt(esp, at); err != nil {
		return err
	}
	for i := 0; i+disk.GrubenvSize <= len(esp); i += image.SectorSize {
		if !bytes.HasPrefix(esp[i:], []byte("# GRUB Environment Block\n")) {
			continue
		}
		env, err := disk.ParseGrubenv(esp[i : i+disk.GrubenvSize])
		if err != nil {
			return err
		}
		change(env)
		block, err := env.Bytes()
		if err != nil {
			return err
		}
		_, err = f.WriteAt(block, at+int64(i))
		return err
	}
	return fmt.Errorf("%s: no environment block in the ESP", path)
}

// plugIn makes the cards with telephones and lines at all their ports, and
// returns the sockets that QEMU finds them at.
func (b *box) plugIn(specs []string) (sockets []string) {
	b.Helper()
	if len(specs) == 0 {
		return nil
	}
	log := slog.New(slog.NewTextHandler(testWriter{b.TB}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	plant, err := loop.NewPlant(loop.Config{Country: "us", Log: log})
	if err != nil {
		b.Fatal(err)
	}
	// Cards outlive the machine: QEMU aborts when one goes away.
	ctx, cancel := context.WithCancel(context.Background())
	var cards []*tdm2400p.Card
	var running []chan error
	serve := func(f func() error) {
		done := make(chan error, 1)
		running = append(running, done)
		go func() { done <- f() }()
	}
	b.Cleanup(func() {
		_ = b.ctl.Close() // gone with the server in any case
		cancel()
		for _, done := range running {
			<-done // they end with the context, whose error they return
		}
	})
	for i, spec := range specs {
		ports, err := control.ParsePorts(spec)
		if err != nil {
			b.Fatal(err)
		}
		card := tdm2400p.New(tdm2400p.Config{Ports: ports}, log)
		if err := plant.Plug(card, i); err != nil {
			b.Fatal(err)
		}
		cards = append(cards, card)
		socket := filepath.Join(b.dir, "pci"+strconv.Itoa(i+1)+".sock")
		l, err := vfiouser.Listen(socket)
		if err != nil {
			b.Fatal(err)
		}
		serve(func() error { return card.Serve(ctx, l) })
		sockets = append(sockets, socket)
	}
	server, err := control.NewServer(control.Config{Plant: plant, Cards: cards, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	socket := filepath.Join(b.dir, "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	serve(func() error { return server.Serve(ctx, l) })
	if b.ctl, err = control.Dial(ctx, socket); err != nil {
		b.Fatal(err)
	}
	return sockets
}

// testWriter passes log lines on to the test.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// keepLogs puts what the machine said where a person finds it.
func (b *box) keepLogs() {
	name := regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(b.Name(), "-")
	dir := filepath.Join(lab.build, "vm", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Error(err)
		return
	}
	data, err := os.ReadFile(b.vm.SerialLog())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "serial.log"), data, 0o644)
	}
	if err != nil {
		b.Error(err)
	}
	b.Logf("what the machine wrote is in %s", dir)
}

// milestone is how the supervisor tells on the console what has happened. It
// may come behind a shell's prompt.
const milestone = `^(?:\$ )*switchroom: +([0-9.]+) `

// until waits for a milestone since the machine's (latest) start and returns
// when it was, in the guest's seconds since its kernel started.
func (b *box) until(event string) float64 {
	b.Helper()
	ctx, cancel := b.limit()
	defer cancel()
	_, m, err := b.vm.Console.Wait(ctx, b.seen, regexp.MustCompile(milestone+event))
	if err != nil {
		b.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return seconds
}

// console waits for a line that is no milestone and returns its groups.
func (b *box) console(pattern string) []string {
	b.Helper()
	ctx, cancel := b.limit()
	defer cancel()
	_, m, err := b.vm.Console.Wait(ctx, b.seen, regexp.MustCompile(pattern))
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// fromNow lets milestones count from now on: before something that makes the
// box say again what it has said before.
func (b *box) fromNow() { b.seen = b.vm.Console.Last() }

// ready waits until calls can be made.
func (b *box) ready() {
	b.Helper()
	b.until("asterisk ready")
}
