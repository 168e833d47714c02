package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	args, err := cfg.args()
	if err != nil {
		return nil, err
	}
	serial, err := os.Create(cfg.serialFile())
	if err != nil {
		return nil, fmt.Errorf("making the serial log: %w", err)
	}

	binds := []packages.Bind{
		{Host: cfg.Dir, Guest: cfg.Dir, Writable: true},
		{Host: filepath.Dir(cfg.Disk), Guest: filepath.Dir(cfg.Disk), Writable: cfg.Writable},
	}
	for _, card := range cfg.Cards {
		binds = append(binds, packages.Bind{Host: filepath.Dir(card), Guest: filepath.Dir(card), Writable: true})
	}
	// Several things may stand in one folder.
	slices.SortStableFunc(binds, func(a, b packages.Bind) int { return strings.Compare(a.Host, b.Host) })
	binds = slices.CompactFunc(binds, func(a, b packages.Bind) bool { return a.Host == b.Host && a.Writable == b.Writable })

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

// copyOut copies a file of the tool tree to the host.
func copyOut(ctx context.Context, tools Tools, from, to string) error {
	f, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	cmd := tools.Command(ctx, packages.RunOptions{}, "/usr/bin/cat", from)
	cmd.Stdout = f
	if err := errors.Join(cmd.Run(), f.Close()); err != nil {
		return fmt.Errorf("copying %s out of the tool tree: %w", from, err)
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
