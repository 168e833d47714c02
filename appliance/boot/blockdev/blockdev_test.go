package blockdev

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sysfs has two disks with the same image, and one with more letters.
func sysfs(t *testing.T) string {
	t.Helper()
	sys := t.TempDir()
	for _, disk := range []string{"sdb", "sda", "sdaa"} {
		dir := filepath.Join(sys, "devices/pci0", disk)
		parts := map[string]string{
			disk:       "DEVTYPE=disk\n",
			disk + "1": "DEVTYPE=partition\nPARTN=1\nPARTNAME=esp\n",
			disk + "3": "DEVTYPE=partition\nPARTN=3\nPARTNAME=slot-a\n",
		}
		for name, text := range parts {
			d := filepath.Join(dir, name)
			if name == disk {
				d = dir
			}
			write(t, d+"/uevent", text)
			write(t, d+"/size", "4096\n")
			write(t, d+"/start", "2048\n")
			link := filepath.Join(sys, "class/block", name)
			if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(d, link); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(t, filepath.Join(sys, "class/block/loop0/uevent"), "DEVTYPE=disk\n")
	write(t, filepath.Join(sys, "class/block/loop0/size"), "0\n")
	return sys
}

func TestPartitions(t *testing.T) {
	sys := sysfs(t)
	all, err := Partitions(sys)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Device)
	}
	if d := cmp.Diff([]string{"sda1", "sda3", "sdb1", "sdb3", "sdaa1", "sdaa3"}, names); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
	want := Partition{Device: "sda3", Disk: "sda", Number: 3, Name: "slot-a", Start: 2048, Length: 4096}
	if all[1] != want {
		t.Errorf("Partitions()[1] = %+v; want %+v", all[1], want)
	}
	if p, ok := OnDisk(all, "sdb", "esp"); !ok || p.Device != "sdb1" {
		t.Errorf("OnDisk = %+v, %v", p, ok)
	}
	if p, ok := OnDisk(all, "sdb", "data"); ok {
		t.Errorf("OnDisk found %+v, which is not there", p)
	}
	if _, err := Partitions(t.TempDir()); err == nil {
		t.Error("no error without sysfs")
	}
	if p, err := Read(sys, "sda"); err != nil || p.Number != 0 || p.Disk != "sda" || p.Length != 4096 {
		t.Errorf("Read(sda) = %+v, %v", p, err)
	}
}

func TestChoose(t *testing.T) {
	all, err := Partitions(sysfs(t))
	if err != nil {
		t.Fatal(err)
	}
	for prefer, want := range map[string]string{"": "sda3", "sdb": "sdb3", "sdaa": "sdaa3", "sdz": "sda3"} {
		p, others, ok := Choose(all, "slot-a", prefer)
		if !ok || p.Device != want || len(others) != 2 {
			t.Errorf("Choose with %q preferred = %s, %v, %v; want %s", prefer, p.Device, others, ok, want)
		}
	}
	if _, _, ok := Choose(all, "slot-b", ""); ok {
		t.Error("chose a partition that is not there")
	}
}

func TestBadSysfs(t *testing.T) {
	for name, text := range map[string]string{"uevent": "PARTN=x\n", "size": "many\n", "start": "\n"} {
		sys := t.TempDir()
		dir := filepath.Join(sys, "class/block/sda1")
		write(t, dir+"/uevent", "PARTN=1\n")
		write(t, dir+"/size", "1\n")
		write(t, dir+"/start", "1\n")
		write(t, dir+"/"+name, text)
		if p, err := Read(sys, "sda1"); err == nil {
			t.Errorf("bad %s: %+v; want an error", name, p)
		}
	}
}
