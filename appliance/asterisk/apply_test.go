package asterisk

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchroom/dahdi"
	"switchroom/provisioning"
)

// box is a place with the paths that Apply knows.
type box struct {
	*testing.T
	Paths
	log bytes.Buffer
}

func newBox(t *testing.T) *box {
	dir := t.TempDir()
	b := &box{T: t, Paths: Paths{Site: dir + "/site.json", Ports: dir + "/ports.json", Config: dir + "/asterisk"}}
	if err := os.Mkdir(b.Config, 0o750); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *box) put(path string, content any) {
	b.Helper()
	data, isText := content.(string)
	if !isText {
		out, err := json.Marshal(content)
		if err != nil {
			b.Fatal(err)
		}
		data = string(out)
	}
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		b.Fatal(err)
	}
}

func (b *box) apply() error {
	b.log.Reset()
	return Apply(b.Context(), slog.New(slog.NewTextHandler(&b.log, nil)), b.Paths)
}

func (b *box) mustApply() {
	b.Helper()
	if err := b.apply(); err != nil {
		b.Fatal(err)
	}
}

func (b *box) file(name string) string {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(b.Config, name))
	if err != nil {
		b.Fatal(err)
	}
	return string(data)
}

func (b *box) wantLogged(text string) {
	b.Helper()
	if !strings.Contains(b.log.String(), text) {
		b.Errorf("%q was not logged, but\n%s", text, b.log.String())
	}
}

var twoPhones = dahdi.Inventory{Cards: []dahdi.Card{{Spans: []dahdi.Span{{Ports: []dahdi.Port{
	{Number: 1, Kind: dahdi.KindFXS}, {Number: 2, Kind: dahdi.KindFXS}, {Number: 3, Kind: dahdi.KindFXO},
}}}}}}

func TestBuiltInSite(t *testing.T) {
	b := newBox(t)
	b.put(b.Ports, twoPhones)
	b.mustApply()
	if conf := b.file("chan_dahdi.conf"); !strings.Contains(conf, "channel => 2\n") || !strings.Contains(conf, "channel => 3\n") {
		t.Errorf("ports are missing in\n%s", conf)
	}
	b.wantLogged("the built-in site")
}

func TestSiteDocument(t *testing.T) {
	b := newBox(t)
	b.put(b.Ports, twoPhones)
	site := provisioning.Default(provisioning.Ports{FXS: []int{1, 9}})
	site.Country = "cn"
	b.put(b.Site, site)
	b.mustApply()
	if conf := b.file("indications.conf"); !strings.Contains(conf, "[cn]") {
		t.Errorf("the country did not arrive:\n%s", conf)
	}
	b.wantLogged("extension 1009: there is no telephone port 9")
}

// A box without a readable list of ports must still come up, for SIP.
func TestWithoutPorts(t *testing.T) {
	b := newBox(t)
	b.mustApply()
	b.wantLogged("level=WARN")
	if strings.Contains(b.file("modules.conf"), "chan_dahdi") {
		t.Error("the card's module is loaded without a card")
	}
	b.put(b.Ports, "{")
	b.mustApply()
	b.wantLogged("level=ERROR")
}

func TestFaultyDocument(t *testing.T) {
	b := newBox(t)
	b.put(b.Ports, twoPhones)
	b.put(b.Site, `{"version": 1, "colour": "green"}`)
	b.mustApply() // a box that has just started takes the built-in site
	b.wantLogged("colour: unknown field")
	b.wantLogged("level=ERROR")

	site := provisioning.Default(provisioning.PortsOf(twoPhones))
	site.Country = "de"
	b.put(b.Site, site)
	b.mustApply()
	b.put(b.Site, `{"version": 1, "colour": "green"}`)
	if err := b.apply(); err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("a faulty document on a configured box: %v", err)
	}
	if conf := b.file("indications.conf"); !strings.Contains(conf, "[de]") {
		t.Errorf("the refused document changed the configuration:\n%s", conf)
	}
}

func TestFilesAreForTheGroupOnly(t *testing.T) {
	b := newBox(t)
	b.mustApply()
	entries, err := os.ReadDir(b.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != 0o640 {
			t.Errorf("%s has the mode %v", e.Name(), got)
		}
	}
}

func TestSecretIsNewEveryTime(t *testing.T) {
	b := newBox(t)
	b.mustApply()
	first := b.file("manager.conf")
	b.mustApply()
	if b.file("manager.conf") == first {
		t.Error("the manager's secret is the same as before")
	}
	b.wantLogged("changed=1 ") // and nothing else was touched
}

func TestWhatDoesNotBelongIsRemoved(t *testing.T) {
	b := newBox(t)
	b.put(filepath.Join(b.Config, "sip.conf"), "old")
	if err := os.MkdirAll(filepath.Join(b.Config, ".new-1", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.mustApply()
	for _, name := range []string{"sip.conf", ".new-1"} {
		if _, err := os.Lstat(filepath.Join(b.Config, name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}
