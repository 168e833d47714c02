//go:build vm

package disk_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"switchroom/image"
	"switchroom/image/disk"
	"switchroom/image/packages"
	"switchroom/image/qemu"
	"switchroom/image/rootfs"
)

// box runs the locked tools in a folder.
type box struct{ *packages.Sandbox }

func (b box) Run(ctx context.Context, c disk.Command) error {
	cmd := b.Command(ctx, packages.RunOptions{
		Dir: "/work", Binds: []packages.Bind{{Host: c.Dir, Guest: "/work", Writable: true}}, Env: c.Env,
	}, c.Name, c.Args...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c.Name, err, &said)
	}
	return nil
}

type lab struct {
	store *packages.Store
	lock  *packages.Lock
	tools box
	built time.Time
}

func newLab(t *testing.T) *lab {
	t.Helper()
	store, err := packages.Open(packages.Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := packages.Default()
	if err != nil {
		t.Fatal(err)
	}
	if lock, err = store.Usable(t.Context(), lock, "root", "tools", "build", "vm"); err != nil {
		t.Fatal(err)
	}
	tools, err := store.Tools(t.Context(), lock)
	if err != nil {
		t.Fatal(err)
	}
	return &lab{store, lock, box{tools}, time.Unix(1_780_000_000, 0)}
}

// slot packs a slot whose firmware says which slot it is and dies.
func (l *lab) slot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	module, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := rootfs.BuildGo(t.Context(), module, "./image/disk/testdata/slotinit", filepath.Join(dir, "init"), nil); err != nil {
		t.Fatal(err)
	}
	early := new(rootfs.Tree)
	for _, err := range []error{
		early.File("init", filepath.Join(dir, "init"), 0o755),
		early.Dir("proc", 0o755),
		early.CharDevice("dev/console", 0o600, 5, 1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	initrd, err := os.Create(filepath.Join(dir, "initrd"))
	if err != nil {
		t.Fatal(err)
	}
	if err := early.WriteCPIO(initrd); err != nil {
		t.Fatal(err)
	}
	if err := initrd.Close(); err != nil {
		t.Fatal(err)
	}
	pkgs, err := l.lock.Set("root")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := l.store.Tree(t.Context(), pkgs)
	if err != nil {
		t.Fatal(err)
	}
	kernels, err := filepath.Glob(filepath.Join(tree, "usr/lib/modules/*/vmlinuz"))
	if err != nil || len(kernels) != 1 {
		t.Fatalf("kernels %v, %v; want one", kernels, err)
	}
	root := new(rootfs.Tree)
	for _, err := range []error{
		root.File(image.KernelPath, kernels[0], 0o644),
		root.File(image.InitrdPath, initrd.Name(), 0o644),
		rootfs.Squash(t.Context(), l.tools, root, dir, "slot.squashfs", rootfs.Compressions()[0], 128<<10, l.built),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "slot.squashfs")
}

func (l *lab) image(t *testing.T, env *disk.Grubenv, slots disk.Slots) string {
	t.Helper()
	boot, err := disk.MakeBoot(t.Context(), l.tools, t.TempDir(), env, l.built)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := disk.Assemble(t.Context(), path, boot, slots); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVMTries holds that the boot loader counts tries, falls back to the other
// slot, and goes on with the preferred one when neither has tries left, under
// both firmwares.
func TestVMTries(t *testing.T) {
	l := newLab(t)
	host, err := qemu.NewHost(t.Context(), l.store, l.lock)
	if err != nil {
		t.Fatal(err)
	}
	slot := l.slot(t)
	both := disk.Slots{image.SlotA: slot, image.SlotB: slot}
	for _, c := range []struct {
		name     string
		firmware qemu.Firmware
		slots    disk.Slots
		env      func(*disk.Grubenv)
		want     string
	}{
		{"tries run out", qemu.BIOS, both, func(e *disk.Grubenv) {
			e.SetSlot(image.SlotA, disk.SlotState{Tries: 2})
			e.SetSlot(image.SlotB, disk.SlotState{Tries: 1})
		}, "a a b a"},
		{"tries run out", qemu.UEFI, both, func(e *disk.Grubenv) {
			e.SetPreferred(image.SlotB)
			e.SetSlot(image.SlotA, disk.SlotState{Tries: 1})
			e.SetSlot(image.SlotB, disk.SlotState{Tries: 1})
		}, "b a b"},
		{"back to the good slot", qemu.BIOS, both, func(e *disk.Grubenv) {
			e.SetPreferred(image.SlotB)
			e.SetSlot(image.SlotA, disk.SlotState{Good: true})
			e.SetSlot(image.SlotB, disk.SlotState{Tries: 1})
		}, "b a a"},
		{"an empty slot is preferred", qemu.BIOS, disk.Slots{image.SlotA: slot}, func(e *disk.Grubenv) {
			e.SetPreferred(image.SlotB)
			e.SetSlot(image.SlotB, disk.SlotState{Tries: 3})
		}, "a"},
	} {
		t.Run(fmt.Sprintf("%s, %v", c.name, c.firmware), func(t *testing.T) {
			env := disk.FreshGrubenv()
			c.env(env)
			env.SetExtraCmdline("extra=1")
			dir, err := os.MkdirTemp("", "tries-") // its path must be short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
			defer cancel()
			vm, err := host.Start(ctx, qemu.Config{Disk: l.image(t, env, c.slots), Firmware: c.firmware, Dir: dir, MemoryMiB: 512})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			at := 0
			for range strings.Fields(c.want) {
				line, groups, err := vm.Console.Wait(ctx, at, regexp.MustCompile(`started slot ([ab])$`))
				if err != nil {
					t.Fatalf("after %v: %v", got, err)
				}
				at = line.Number
				got = append(got, groups[1])
				if line, _, err = vm.Console.Wait(ctx, at, regexp.MustCompile(`extra argument$`)); err != nil {
					t.Fatalf("extra_cmdline did not reach the kernel: %v", err)
				}
				at = line.Number
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("started slots %s; want %s", s, c.want)
			}
			if err := vm.Quit(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestVMBootPartitions holds that the boot partitions are sound to the tools
// that others will look at them with, and the same every time.
func TestVMBootPartitions(t *testing.T) {
	l := newLab(t)
	slot := filepath.Join(t.TempDir(), "slot")
	if err := os.WriteFile(slot, []byte("not a squashfs"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := l.image(t, disk.FreshGrubenv(), disk.Slots{image.SlotA: slot})
	second := l.image(t, disk.FreshGrubenv(), disk.Slots{image.SlotA: slot})
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("two images of the same parts differ")
	}
	esp := disk.Partitions()[1]
	if err := os.WriteFile(filepath.Join(filepath.Dir(first), "esp.img"), a[esp.Start:esp.End()], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"sgdisk", "--verify", "disk.img"},
		{"fsck.fat", "-n", "esp.img"},
	} {
		if err := l.tools.Run(t.Context(), disk.Command{Dir: filepath.Dir(first), Name: args[0], Args: args[1:]}); err != nil {
			t.Error(err)
		}
	}
	env, err := disk.ReadGrubenv(first)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := env.Slot(image.SlotA), (disk.SlotState{Tries: disk.FullTries}); got != want {
		t.Errorf("slot a of a fresh image is %+v; want %+v", got, want)
	}
}
