package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"switchroom/image/packages"
)

// Tools is where QEMU comes from: the sandbox over the locked tool tree.
type Tools interface {
	Command(ctx context.Context, opt packages.RunOptions, name string, args ...string) *exec.Cmd
}

// VM is a running machine. Its methods may be called at the same time.
type VM struct {
	Console *Console

	cfg    Config
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *tail
	qmp    *qmpClient
	ended  chan struct{} // closed once QEMU is gone and err is set
	err    error
}

// Start starts a machine and returns when QEMU has accepted its
// configuration. The machine ends with the context, at the latest.
func Start(ctx context.Context, tools Tools, cfg Config) (*VM, error) {
	cfg = cfg.withDefaults()
	if cfg.Firmware == UEFI {
		if err := copyOut(ctx, tools, ovmfVars, cfg.varsFile()); err != nil {
			return nil, err
		}
	}
	binds := cfg.binds()
	if err := makeOverlay(ctx, tools, cfg, binds); err != nil {
		return nil, err
	}
	args, err := cfg.args()
	if err != nil {
		return nil, err
	}
	serial, err := os.Create(cfg.serialFile())
	if err != nil {
		return nil, fmt.Errorf("making the serial log: %w", err)
	}

	opt := packages.RunOptions{Binds: binds, Network: true} // what is forwarded is reached from the host
	if cfg.Accel == KVM {
		opt.Devices = []string{kvmDevice}
	}
	cmd := tools.Command(ctx, opt, binary, args...)
	vm := &VM{
		cfg: cfg, cmd: cmd, stderr: &tail{max: 8 << 10}, ended: make(chan struct{}),
		Console: newConsole(time.Now()),
	}
	cmd.Stderr = vm.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("making QEMU's output pipe: %w", err)
	}
	if vm.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("making QEMU's input pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting QEMU: %w", err)
	}
	go func() {
		defer close(vm.ended)
		err := vm.Console.read(stdout, serial)
		if werr := cmd.Wait(); werr != nil {
			err = fmt.Errorf("QEMU ended: %w\n%s", werr, vm.stderr)
		}
		vm.err = errors.Join(err, serial.Close())
	}()

	if vm.qmp, err = dialQMP(ctx, cfg.qmpSocket(), vm.ended); err != nil {
		vm.kill()
		return nil, fmt.Errorf("%w\n%s", errors.Join(err, vm.err), vm.stderr)
	}
	return vm, nil
}

// binds are the folders of the host that QEMU needs, each at its own path.
func (c Config) binds() []packages.Bind {
	dirs := map[string]bool{filepath.Dir(c.Disk): false, c.Dir: true, filepath.Dir(c.Overlay): true}
	for _, card := range c.Cards {
		dirs[filepath.Dir(card)] = true
	}
	var all []packages.Bind
	for _, dir := range slices.Sorted(maps.Keys(dirs)) { // outer folders before inner ones
		all = append(all, packages.Bind{Host: dir, Guest: dir, Writable: dirs[dir]})
	}
	return all
}

// makeOverlay makes the file that takes what the guest writes, unless it is
// there from an earlier run of the machine.
func makeOverlay(ctx context.Context, tools Tools, cfg Config, binds []packages.Bind) error {
	if _, err := os.Stat(cfg.Overlay); err == nil {
		return nil
	}
	cmd := tools.Command(ctx, packages.RunOptions{Binds: binds}, qemuImg, "create", "-q", "-f", "qcow2",
		"-F", "raw", "-b", cfg.Disk, cfg.Overlay, fmt.Sprintf("%dG", cfg.DiskGiB))
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making the disk %s: %w: %s", cfg.Overlay, err, b)
	}
	return nil
}

// copyOut copies a file of the tool tree to the host, whole sectors of it, with
// the one copying program that QEMU's tree is sure to have.
func copyOut(ctx context.Context, tools Tools, from, to string) error {
	const out = "/out"
	cmd := tools.Command(ctx, packages.RunOptions{Binds: []packages.Bind{{Host: filepath.Dir(to), Guest: out, Writable: true}}},
		qemuImg, "convert", "-f", "raw", "-O", "raw", from, out+"/"+filepath.Base(to))
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copying %s out of the tool tree: %w: %s", from, err, b)
	}
	return nil
}

// Type sends text to the guest's serial port.
func (vm *VM) Type(text string) error {
	if _, err := io.WriteString(vm.stdin, text); err != nil {
		return fmt.Errorf("typing on the serial console: %w", err)
	}
	return nil
}

// QMP runs one command of QEMU's control protocol; arguments and result may
// be nil.
func (vm *VM) QMP(ctx context.Context, command string, arguments, result any) error {
	return vm.qmp.do(ctx, command, arguments, result)
}

// Pause stops the guest's processors.
func (vm *VM) Pause(ctx context.Context) error { return vm.QMP(ctx, "stop", nil, nil) }

// Resume lets them go on.
func (vm *VM) Resume(ctx context.Context) error { return vm.QMP(ctx, "cont", nil, nil) }

// Reset is the reset button.
func (vm *VM) Reset(ctx context.Context) error { return vm.QMP(ctx, "system_reset", nil, nil) }

// PressPower is the power button, pressed once.
func (vm *VM) PressPower(ctx context.Context) error {
	return vm.QMP(ctx, "system_powerdown", nil, nil)
}

// PressKeys presses keys together, by QEMU's names (QKeyCode), e.g. "ctrl",
// "alt", "delete".
func (vm *VM) PressKeys(ctx context.Context, keys ...string) error {
	type key struct {
		Type string `json:"type"`
		Data string `json:"data"`
	}
	var all []key
	for _, k := range keys {
		all = append(all, key{"qcode", k})
	}
	return vm.QMP(ctx, "send-key", map[string]any{"keys": all}, nil)
}

// Pid is QEMU's process in the host, or that of the sandbox around it.
func (vm *VM) Pid() int { return vm.cmd.Process.Pid }

// SerialLog is the path of the file that holds everything the guest printed.
func (vm *VM) SerialLog() string { return vm.cfg.serialFile() }

// Ended is closed once QEMU is gone.
func (vm *VM) Ended() <-chan struct{} { return vm.ended }

// Wait waits until QEMU is gone, by the guest's own power-off for instance,
// and says how it ended.
func (vm *VM) Wait(ctx context.Context) error {
	select {
	case <-vm.ended:
		return vm.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the machine to end: %w\n%s", ctx.Err(), vm.Console.Tail(40))
	}
}

// Quit ends QEMU at once, as pulling the plug does, and waits until it is
// gone.
func (vm *VM) Quit(ctx context.Context) error {
	select {
	case <-vm.ended:
		return vm.err
	default:
	}
	// QEMU may be gone before it has answered: that it is gone is what counts.
	if err := vm.QMP(ctx, "quit", nil, nil); err != nil {
		vm.kill()
	}
	err := vm.Wait(ctx)
	_ = vm.qmp.close()
	return err
}

func (vm *VM) kill() {
	_ = vm.cmd.Process.Signal(syscall.SIGKILL)
	<-vm.ended
}

// tail keeps the end of what is written to it.
type tail struct {
	max int
	b   []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > t.max {
		t.b = append(t.b[:0], t.b[len(t.b)-t.max:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
