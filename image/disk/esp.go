package disk

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"switchroom/image"
)

// Command is one run of a build tool.
type Command struct {
	Dir    string // on the build machine; the tool's working folder, which it may write
	Env    []string
	Stdin  io.Reader
	Stdout io.Writer
	Name   string
	Args   []string
}

// Tools runs build tools. A tool sees nothing of the build machine but the
// command's folder, so arguments name files relative to it.
type Tools interface {
	Run(ctx context.Context, c Command) error
}

// Boot is what makes a disk start: see [MakeBoot].
type Boot struct {
	MBR  []byte // boot code, the first 440 bytes of LBA 0
	Core []byte // for the BIOS boot partition
	ESP  string // path of the ESP's file system image
}

// MakeBoot makes GRUB for BIOS and UEFI and the ESP's file system in dir, with
// the given environment block. The same tools, block and time give the same
// bytes.
func MakeBoot(ctx context.Context, tools Tools, dir string, env *Grubenv, built time.Time) (Boot, error) {
	run := func(name string, args ...string) error {
		err := tools.Run(ctx, Command{
			Dir:  dir,
			Env:  []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", built.Unix()), "TZ=UTC0", "MTOOLS_SKIP_CHECK=1"},
			Name: name, Args: args,
		})
		if err != nil {
			return fmt.Errorf("making the boot partitions: %w", err)
		}
		return nil
	}
	block, err := env.Bytes()
	if err != nil {
		return Boot{}, fmt.Errorf("making the boot partitions: %w", err)
	}
	for name, content := range map[string][]byte{
		"early.cfg": []byte(grubEarly), "grub.cfg": grubConfig, "grubenv": block,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return Boot{}, fmt.Errorf("making the boot partitions: %w", err)
		}
		if err := os.Chtimes(path, built, built); err != nil {
			return Boot{}, fmt.Errorf("making the boot partitions: %w", err)
		}
	}

	mkimage := func(format, out string, more ...string) error {
		args := append([]string{"-O", format, "-d", "/usr/lib/grub/" + format, "-o", out, "-p", grubPrefix, "-c", "early.cfg"}, grubModules...)
		return run("grub-mkimage", append(args, more...)...)
	}
	if err := mkimage("i386-pc", "core.img", "biosdisk"); err != nil {
		return Boot{}, err
	}
	if err := mkimage("x86_64-efi", "bootx64.efi"); err != nil {
		return Boot{}, err
	}
	if err := run("cp", "/usr/lib/grub/i386-pc/boot.img", "boot.img"); err != nil {
		return Boot{}, err
	}
	bootImg, err := os.ReadFile(filepath.Join(dir, "boot.img"))
	if err != nil {
		return Boot{}, fmt.Errorf("making the boot partitions: %w", err)
	}
	core, err := os.ReadFile(filepath.Join(dir, "core.img"))
	if err != nil {
		return Boot{}, fmt.Errorf("making the boot partitions: %w", err)
	}
	mbr, core, err := EmbedBIOS(bootImg, core, image.BIOSStart/image.SectorSize)
	if err != nil {
		return Boot{}, err
	}

	esp := filepath.Join(dir, "esp.img")
	if err := os.RemoveAll(esp); err != nil {
		return Boot{}, fmt.Errorf("making the boot partitions: %w", err)
	}
	f, err := os.Create(esp)
	if err != nil {
		return Boot{}, fmt.Errorf("making the boot partitions: %w", err)
	}
	err = f.Truncate(image.ESPSize)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return Boot{}, fmt.Errorf("making the boot partitions: %w", err)
	}
	if err := os.Chtimes(filepath.Join(dir, "bootx64.efi"), built, built); err != nil {
		return Boot{}, fmt.Errorf("making the boot partitions: %w", err)
	}
	for _, args := range [][]string{
		// One sector per cluster: see image.ESPSize.
		{"mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-n", image.ESPLabel, "esp.img"},
		{"mmd", "-i", "esp.img", "::/EFI", "::/EFI/BOOT", "::/grub"},
		{"mcopy", "-m", "-i", "esp.img", "bootx64.efi", "::/EFI/BOOT/BOOTX64.EFI"},
		{"mcopy", "-m", "-i", "esp.img", "grub.cfg", "::" + image.GrubConfigPath},
		{"mcopy", "-m", "-i", "esp.img", "grubenv", "::" + image.GrubEnvPath},
	} {
		if err := run(args[0], args[1:]...); err != nil {
			return Boot{}, err
		}
	}
	return Boot{MBR: mbr, Core: core, ESP: esp}, nil
}
