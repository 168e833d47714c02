package qemu

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"switchroom/image/packages"
)

// Host is a computer on which machines can be started.
type Host struct {
	Tools  Tools  // the sandbox that QEMU runs in
	Accel  Accel  // KVM where guests run under it, else TCG
	WhyTCG string // why not KVM, in words; "" with KVM
}

// NewHost fetches QEMU and finds out how guests run here.
func NewHost(ctx context.Context, store *packages.Store, lock *packages.Lock) (*Host, error) {
	tools, err := store.Sandbox(ctx, lock, "vm")
	if err != nil {
		return nil, fmt.Errorf("preparing QEMU: %w", err)
	}
	root, err := lock.Set("root")
	if err != nil {
		return nil, fmt.Errorf("looking for a kernel to try KVM with: %w", err)
	}
	tree, err := store.Tree(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("looking for a kernel to try KVM with: %w", err)
	}
	kernels, err := filepath.Glob(filepath.Join(tree, "usr/lib/modules/*/vmlinuz"))
	if err != nil {
		return nil, fmt.Errorf("looking for a kernel to try KVM with: %w", err)
	}
	if len(kernels) == 0 {
		return nil, errors.New("looking for a kernel to try KVM with: the root set has none")
	}
	h := &Host{Tools: tools, Accel: TCG}
	ok, why, err := ProbeKVM(ctx, tools, kernels[0])
	if err != nil {
		return nil, err
	}
	if ok {
		h.Accel = KVM
	}
	h.WhyTCG = why
	return h, nil
}

// Start starts a machine, with the host's way of execution unless the
// configuration names one. See [Start].
func (h *Host) Start(ctx context.Context, cfg Config) (*VM, error) {
	if cfg.Accel == "" {
		cfg.Accel = h.Accel
	}
	return Start(ctx, h.Tools, cfg)
}
