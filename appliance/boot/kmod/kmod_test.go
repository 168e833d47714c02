package kmod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"
)

// tree is a small kernel's index: a disk controller, a file system, a
// watchdog behind a bridge, and a circle.
const tree = `
-- modules.dep --
kernel/drivers/ata/ahci.ko: kernel/drivers/ata/libahci.ko kernel/drivers/ata/libata.ko kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/ata/libahci.ko: kernel/drivers/ata/libata.ko kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/ata/libata.ko: kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/scsi/scsi_mod.ko:
kernel/drivers/scsi/sd_mod.ko: kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/mfd/lpc_ich.ko:
kernel/drivers/watchdog/iTCO_wdt.ko: kernel/drivers/watchdog/iTCO_vendor_support.ko
kernel/drivers/watchdog/iTCO_vendor_support.ko:
kernel/fs/squashfs/squashfs.ko:
kernel/net/e1000-e.ko:
kernel/circle/a.ko: kernel/circle/b.ko
kernel/circle/b.ko: kernel/circle/a.ko
-- modules.alias --
# Aliases extracted from modules themselves.
alias pci:v*d*sv*sd*bc01sc06i01* ahci
alias pci:v00008086d00002918sv*sd*bc*sc*i* lpc_ich
alias platform:iTCO_wdt iTCO_wdt
alias scsi:t-0x00* sd_mod
alias acpi*:LNXPWRBN:* lpc_ich
alias fs-squashfs squashfs
alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000_e
alias usb:v05A9p0511d*dc*dsc*dp*ic0[0-3]isc*ip*in* e1000_e
-- modules.softdep --
softdep ahci pre: sd_mod
softdep lpc_ich post: iTCO_wdt
softdep absent pre: ahci
-- modules.builtin --
kernel/fs/ext4/ext4.ko
`

func index(t testing.TB, archive string) *Index {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	x, err := ReadIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// kernel records what is put into it.
type kernel struct {
	mu    sync.Mutex
	names []string
	calls map[string]string
	fail  map[string]error
}

func (k *kernel) insert(path, params string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := Name(path)
	if err := k.fail[n]; err != nil {
		return err
	}
	k.names = append(k.names, n)
	if k.calls == nil {
		k.calls = map[string]string{}
	}
	k.calls[n] = params
	return nil
}

func TestLoadOrder(t *testing.T) {
	k := &kernel{}
	l := NewLoader(index(t, tree), "", k.insert)
	if err := l.Load("ahci", ""); err != nil {
		t.Fatal(err)
	}
	before := func(a, b string) {
		t.Helper()
		i, j := slices.Index(k.names, a), slices.Index(k.names, b)
		if i < 0 || j < 0 || i > j {
			t.Errorf("%s should be loaded before %s: %v", a, b, k.names)
		}
	}
	before("scsi_mod", "libata")
	before("libata", "libahci")
	before("libahci", "ahci")
	before("sd_mod", "ahci") // its softdep
	if len(k.names) != 5 {
		t.Errorf("loaded %v, want five modules, each once", k.names)
	}
}

func TestLoadOnceAndParams(t *testing.T) {
	k := &kernel{}
	l := NewLoader(index(t, tree), "quiet iTCO-wdt.nowayout=1 iTCO_wdt.heartbeat=30 root=x -- e1000_e.debug=1", k.insert)
	for range 2 {
		if err := l.Load("iTCO_wdt", "turn_SMI_watchdog_clear_off=1"); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"iTCO_vendor_support": "",
		"iTCO_wdt":            "nowayout=1 heartbeat=30 turn_SMI_watchdog_clear_off=1",
	}
	if d := cmp.Diff(want, k.calls); d != "" {
		t.Errorf("modules and their parameters (-want +got):\n%s", d)
	}
	if len(k.names) != 2 {
		t.Errorf("loaded %v, want each once", k.names)
	}
	if err := l.Load("e1000-e", ""); err != nil {
		t.Fatal(err)
	}
	if p := k.calls["e1000_e"]; p != "" {
		t.Errorf("e1000_e got %q: what stands behind -- is not the kernel's", p)
	}
}

func TestLoadFails(t *testing.T) {
	k := &kernel{fail: map[string]error{"libata": errors.New("no device")}}
	l := NewLoader(index(t, tree), "", k.insert)
	err := l.Load("ahci", "")
	if err == nil || !strings.Contains(err.Error(), "no device") {
		t.Errorf("Load(ahci) = %v; want libata's error", err)
	}
	if slices.Contains(k.names, "ahci") {
		t.Error("ahci was loaded without what it needs")
	}
	delete(k.fail, "libata")
	if err := l.Load("ahci", ""); err != nil {
		t.Errorf("second Load(ahci) = %v; what was missing is there now", err)
	}
	if err := l.Load("nonesuch", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("Load(nonesuch) = %v; want ErrNotFound", err)
	}
	if err := l.Load("a", ""); err == nil {
		t.Error("Load(a) succeeded: it depends on itself")
	}
	if err := l.Load("ext4", ""); err != nil {
		t.Errorf("Load(ext4), which is built in, = %v", err)
	}
	if err := l.Load("fs-squashfs", ""); err != nil || !slices.Contains(k.names, "squashfs") {
		t.Errorf("Load(fs-squashfs) = %v, loaded %v", err, k.names)
	}
	if err := l.Load("lpc_ich", ""); err != nil || k.names[len(k.names)-1] != "iTCO_wdt" {
		t.Errorf("Load(lpc_ich) = %v, loaded %v; want iTCO_wdt after it", err, k.names)
	}
}

func TestLoadForAll(t *testing.T) {
	k := &kernel{fail: map[string]error{"lpc_ich": errors.New("refused")}}
	l := NewLoader(index(t, tree), "", k.insert)
	err := l.LoadForAll([]string{
		"pci:v00008086d00002918sv00001AF4sd00001100bc06sc01i00",
		"pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01",
		"pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00",
		"scsi:t-0x00",
	}, 2, func(n string) bool { return n == "e1000_e" })
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("LoadForAll = %v; want lpc_ich's error", err)
	}
	slices.Sort(k.names)
	if d := cmp.Diff([]string{"ahci", "libahci", "libata", "scsi_mod", "sd_mod"}, k.names); d != "" {
		t.Errorf("modules (-want +got):\n%s", d)
	}
}

func TestParallelLoads(t *testing.T) {
	k := &kernel{}
	l := NewLoader(index(t, tree), "", k.insert)
	var wg sync.WaitGroup
	for _, n := range []string{"ahci", "sd_mod", "libahci", "ahci", "scsi_mod", "libata"} {
		wg.Go(func() {
			if err := l.Load(n, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(k.names) != 5 {
		t.Errorf("loaded %v, want five modules, each once", k.names)
	}
}

func TestMatchAndNeeds(t *testing.T) {
	x := index(t, tree)
	for _, c := range []struct {
		modalias string
		want     []string
	}{
		{"pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", []string{"ahci"}},
		{"pci:v00008086d00002922sv00001AF4sd00001100bc01sc04i01", nil},
		{"usb:v05A9p0511d0100dc00dsc00dp00ic02isc00ip00in00", []string{"e1000_e"}},
		{"usb:v05A9p0511d0100dc00dsc00dp00ic07isc00ip00in00", nil},
		{"platform:iTCO_wdt", []string{"iTCO_wdt"}},
		{"acpi:PNP0C0C:", nil},
		{"acpi:LNXPWRBN:", []string{"lpc_ich"}},
	} {
		if got := x.Match(c.modalias); !slices.Equal(got, c.want) {
			t.Errorf("Match(%q) = %q; want %q", c.modalias, got, c.want)
		}
	}
	if !x.Needs("ahci", "scsi-mod") || x.Needs("scsi_mod", "ahci") || !x.Needs("ahci", "ahci") {
		t.Error("Needs: ahci needs scsi_mod, not the other way round, and itself")
	}
	if x.Needs("a", "ahci") {
		t.Error("Needs: a circle does not need ahci")
	}
}

func TestModaliases(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{
		"bus/pci/devices/0000:00:1f.0/modalias": "pci:a\n",
		"bus/pci/devices/0000:00:1f.1/modalias": "pci:a\n",
		"bus/pci/devices/0000:00:1f.2/uevent":   "it has no modalias",
		"bus/pci/drivers/x/modalias":            "not a device",
		"bus/platform/devices/x/modalias":       "platform:x\n",
		"bus/platform/devices/y/modalias":       "\n",
		"class/input/input0/modalias":           "input:k\n",
		"class/input/event0/uevent":             "",
	} {
		p := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Modaliases(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"pci:a", "platform:x", "input:k"}, got); d != "" {
		t.Errorf("modaliases (-want +got):\n%s", d)
	}
	if _, err := Modaliases(filepath.Join(dir, "none")); err == nil {
		t.Error("no error for a sysfs that is not there")
	}
}

func TestReadIndexErrors(t *testing.T) {
	if _, err := ReadIndex(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ReadIndex of an empty folder = %v; want not-exist", err)
	}
	for file, text := range map[string]string{
		"modules.dep":     "kernel/a.ko kernel/b.ko\n",
		"modules.alias":   "alias pci:a\n",
		"modules.softdep": "softdep a b pre: c\n",
	} {
		dir := t.TempDir()
		for name, t2 := range map[string]string{"modules.dep": "kernel/a.ko:\n", file: text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(t2), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := ReadIndex(dir)
		if want := file + ":1:"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("bad %s: error %v; want one that names %q", file, err, want)
		}
	}
}

// TestGlobStar compares with a plain, exponential matcher.
func TestGlobStar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?")), 0, 12, -1).Draw(t, "pattern")
		s := rapid.StringOfN(rapid.SampledFrom([]rune("ab")), 0, 12, -1).Draw(t, "s")
		if got, want := glob(pattern, s), plainGlob(pattern, s); got != want {
			t.Fatalf("glob(%q, %q) = %v; want %v", pattern, s, got, want)
		}
	})
}

func plainGlob(p, s string) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		return plainGlob(p[1:], s) || s != "" && plainGlob(p, s[1:])
	default:
		return s != "" && (p[0] == '?' || p[0] == s[0]) && plainGlob(p[1:], s[1:])
	}
}

func TestGlobSets(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"a[0-9]b", "a5b", true},
		{"a[0-9]b", "axb", false},
		{"a[!0-9]b", "axb", true},
		{"a[]x]b", "a]b", true},
		{"a[0-9", "a[0-9", true},
		{"*[5-9]*", "ab7c", true},
		{"*[5-9]", "ab7c", false},
		{"a[x-]", "a-", true},
	} {
		if got := glob(c.pattern, c.s); got != c.want {
			t.Errorf("glob(%q, %q) = %v; want %v", c.pattern, c.s, got, c.want)
		}
	}
}

func ExampleName() {
	fmt.Println(Name("kernel/net/e1000-e.ko"))
	// Output: e1000_e
}
