package unit

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	sdunit "github.com/coreos/go-systemd/v22/unit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden reads each archive's unit files and compares what they are read
// as, or the error, with the archive's last file, "want".
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) < 5 {
		t.Fatalf("Glob = %v, %v; want at least 5 golden files", paths, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := fstest.MapFS{}
			var want []byte
			for _, f := range archive.Files {
				if f.Name == "want" {
					want = f.Data
					continue
				}
				files[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			var got bytes.Buffer
			set, err := Load(files, Dirs{})
			if err != nil {
				got.WriteString("error: " + err.Error() + "\n")
			} else {
				enc := json.NewEncoder(&got)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				if err := enc.Encode(set); err != nil {
					t.Fatal(err)
				}
			}
			if *update {
				archive.Files = append(archive.Files[:len(archive.Files)-1], txtar.File{Name: "want", Data: got.Bytes()})
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("not as the golden file says (-want +got):\n%s", diff)
			}
		})
	}
}

// TestErrors holds each fault's file and line.
func TestErrors(t *testing.T) {
	const head = "[Service]\nExecStart=/bin/true\n"
	for name, c := range map[string]struct{ text, want string }{
		"unknown directive":    {head + "PrivateTmp=yes\n", "x.service:3: [Service] PrivateTmp= is not known here"},
		"directive's section":  {"[Unit]\nExecStart=/bin/true\n", "x.service:2: [Unit] ExecStart= is not known here"},
		"unknown section":      {"[Timer]\nOnBootSec=1\n", "x.service:2: section [Timer] is not for x.service"},
		"other kind's section": {"[Socket]\nBacklog=3\n", "x.service:2: section [Socket] is not for x.service"},
		"bad value":            {"\n# comment\n" + head + "RestartSec=soon\n", `x.service:5: RestartSec=: "soon" is not a time span`},
		"after continuation":   {"[Service]\nExecStart=/bin/true \\\n  a \\\n  b\nUser=a b\n", `x.service:5: User=: "a b": character ' ' is not for names`},
		"in continuation":      {"[Service]\nExecStart=/bin/true \\\n  %z\n", "x.service:2: ExecStart=: %z is not a specifier known here"},
		"given twice":          {head + "User=a\nUser=b\n", "x.service:4: User= is given twice"},
		"no section":           {"User=a\n", "x.service:1: User stands before any section"},
		"garbage first":        {"hello\n[Service]\n", "x.service:1: neither a section nor a directive: hello"},
		"garbage":              {head + "hello\n", "x.service:3: neither a section nor a directive: hello"},
		"broken section":       {"[Service\n", "x.service:1: not a section: [Service"},
		"comment continued":    {"# a \\\n[Service]\n", "x.service:1: comment that ends with a backslash"},
		"comment within":       {"[Service]\nExecStart=/bin/true \\\n# no\n a\n", "x.service:3: comment within a continued line"},
		"nothing continued":    {"[Service]\nExecStart=/bin/true \\\n\n", "x.service:3: the line before ends with a backslash, and nothing follows"},
		"ends continued":       {"[Service]\nExecStart=/bin/true \\", "x.service:2: the file ends within a continued line"},
		"space after":          {"[Service]\nExecStart=/bin/true \\ \n", "x.service:2: space after the backslash at the end of the line"},
		"carriage return":      {"[Service]\r\n", "x.service:1: character U+000D"},
		"not text":             {"[Service]\n\xff=\n", "x.service:2: not UTF-8"},
		"long line":            {"[Service]\nExecStart=/" + strings.Repeat("a", 2100), "x.service:2: line of 2111 bytes; the most is 2047"},
		"no command":           {"[Service]\nUser=a\n", "x.service:1: no ExecStart="},
		"two commands":         {head + "ExecStart=/bin/false\n", "x.service:1: several ExecStart= in a service that is not Type=oneshot"},
		"endless oneshot":      {head + "Type=oneshot\nRestart=always\n", "x.service:1: a Type=oneshot service with Restart=always would run for ever"},
		"mute notify":          {head + "Type=notify\nNotifyAccess=none\n", "x.service:1: a Type=notify service with NotifyAccess=none would never be ready"},
		"steps alone":          {head + "RestartSteps=3\n", "x.service:1: RestartSteps= without RestartMaxDelaySec="},
		"relative command":     {"[Service]\nExecStart=true\n", `x.service:2: ExecStart=: "true" is not an absolute path`},
		"climbing path":        {head + "WorkingDirectory=/a/../b\n", `x.service:3: WorkingDirectory=: "/a/../b" is not a clean path`},
		"climbing directory":   {head + "RuntimeDirectory=../etc\n", `x.service:3: RuntimeDirectory=: ".." is not a name`},
		"unknown unit":         {"[Unit]\nAfter=y.service\n" + head, "x.service:2: there is no y.service"},
		"itself":               {"[Unit]\nAfter=x.service\n" + head, "x.service:2: After=: x.service names itself"},
		"wrong target":         {head + "[Install]\nWantedBy=graphical.target\n", "x.service:4: WantedBy=: graphical.target is not reached here; multi-user.target is"},
		"capability":           {head + "CapabilityBoundingSet=CAP_EVERYTHING\n", `x.service:3: CapabilityBoundingSet=: "CAP_EVERYTHING" is not a capability`},
		"quote":                {"[Service]\nExecStart=/bin/echo \"a b\n", "x.service:2: ExecStart=: a quote without its end"},
		"two in one":           {"[Service]\nExecStart=/bin/a ; /bin/b\n", "x.service:2: ExecStart=: several commands in one line"},
		"environment":          {head + "Environment=1A=b\n", `x.service:3: Environment=: "1A=b" is not NAME=value`},
		"missing socket":       {head + "Sockets=y.socket\n", "x.service:1: there is no y.socket"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{"x.service": {Data: []byte(c.text)}}, Dirs{})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("Load = %v; want an error that begins with %q", err, c.want)
			}
			var located *Error
			if !errors.As(err, &located) || located.Line < 1 || located.File != "x.service" {
				t.Errorf("the error %#v has no place", err)
			}
		})
	}
}

// TestAllErrors: every broken file is told of, not only the first.
func TestAllErrors(t *testing.T) {
	_, err := Load(fstest.MapFS{
		"a.service": {Data: []byte("[Service]\nA=1\n")},
		"b.socket":  {Data: []byte("[Socket]\nB=1\n")},
		"README":    {Data: []byte("not a unit")},
	}, Dirs{})
	want := "a.service:2: [Service] A= is not known here\nb.socket:2: [Socket] B= is not known here"
	if err == nil || err.Error() != want {
		t.Fatalf("Load = %v; want %s", err, want)
	}
	if _, err := Load(os.DirFS("testdata/missing"), Dirs{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a missing directory = %v; want fs.ErrNotExist", err)
	}
}

func TestCycles(t *testing.T) {
	service := func(unit string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("[Unit]\nDescription=x\n" + unit + "[Service]\nExecStart=/bin/true\n")}
	}
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"after": {fstest.MapFS{
			"a.service": service("After=b.service\n"), "b.service": service("After=c.service\n"), "c.service": service("After=a.service\n"),
		}, "a.service:3: a.service starts after itself: a.service → b.service → c.service → a.service"},
		"before": {fstest.MapFS{
			"a.service": service("Before=b.service\n"), "b.service": service("Before=a.service\n"),
		}, "a.service:1: a.service starts after itself: a.service → b.service → a.service"},
		"requires": {fstest.MapFS{
			"a.service": service("Requires=b.service\n"), "b.service": service("Requires=a.service\n"),
		}, "a.service:3: a.service requires itself: a.service → b.service → a.service"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(c.files, Dirs{})
			if err == nil || err.Error() != c.want {
				t.Errorf("Load = %v; want %s", err, c.want)
			}
		})
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "5min 20s": 320 * time.Second, "100ms": 100 * time.Millisecond, "1.5h": 90 * time.Minute,
		"2 weeks": 14 * 24 * time.Hour, "1d3h": 27 * time.Hour, "250us": 250 * time.Microsecond, "0": 0, "infinity": Infinity,
	} {
		if got, err := parseDuration(text); got != want || err != nil {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "s", "-1s", "1 fortnight", "1..5s", "999999999999h", "5 min min"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v; want an error", text, got)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "512": 512, "64K": 65536, "64M": 64 << 20, "2G": 2 << 30, "infinity": 1<<64 - 1} {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("parseSize(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "M", "-1", "1.5G", "99999999999T", "64m"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %v; want an error", text, got)
		}
	}
}

func TestSignals(t *testing.T) {
	for text, want := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "9": syscall.SIGKILL} {
		if got, err := parseSignal(text); got != want || err != nil {
			t.Errorf("parseSignal(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "65", "SIGNOTHING"} {
		if got, err := parseSignal(text); err == nil {
			t.Errorf("parseSignal(%q) = %v; want an error", text, got)
		}
	}
}

func TestExpand(t *testing.T) {
	env := []string{"ONE=1", "TWO=a b", "EMPTY=", "ONE=later"}
	for line, want := range map[string][]string{
		"/bin/x $ONE":          {"/bin/x", "later"},
		"/bin/x $TWO":          {"/bin/x", "a", "b"},
		"/bin/x ${TWO}":        {"/bin/x", "a b"},
		"/bin/x $EMPTY $NONE":  {"/bin/x"},
		"/bin/x a${ONE}b${NO}": {"/bin/x", "alaterb"},
		"/bin/x $$ONE a$$":     {"/bin/x", "$ONE", "a$"},
		"/bin/x $9 ${ $":       {"/bin/x", "$9", "${", "$"},
	} {
		p := &parser{name: "x.service", dirs: Dirs{}.withDefaults()}
		c, err := p.parseCommand(line)
		if err != nil {
			t.Errorf("parseCommand(%q): %v", line, err)
			continue
		}
		if diff := cmp.Diff(want, c.Expand(env)); diff != "" {
			t.Errorf("Expand of %q (-want +got):\n%s", line, diff)
		}
	}
}

func TestCommands(t *testing.T) {
	for line, want := range map[string]Command{
		`/bin/x`:                         {Path: "/bin/x", Args: []string{"/bin/x"}},
		`-+/bin/x a`:                     {Path: "/bin/x", Args: []string{"/bin/x", "a"}, IgnoreFailure: true, Privileged: true},
		`+-/bin/x`:                       {Path: "/bin/x", Args: []string{"/bin/x"}, IgnoreFailure: true, Privileged: true},
		`/bin/x "a b" 'c "d"' e\sf "\""`: {Path: "/bin/x", Args: []string{"/bin/x", "a b", `c "d"`, "e f", `"`}},
		`/bin/x ""`:                      {Path: "/bin/x", Args: []string{"/bin/x", ""}},
		`/bin/x %n %N %t %S %%`:          {Path: "/bin/x", Args: []string{"/bin/x", "x.service", "x", "/run", "/data", "%"}},
	} {
		p := &parser{name: "x.service", dirs: Dirs{}.withDefaults()}
		got, err := p.parseCommand(line)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("parseCommand(%q): %v (-want +got):\n%s", line, err, diff)
		}
	}
}

func TestCaps(t *testing.T) {
	s, err := ParseService("x.service", []byte("[Service]\nExecStart=/bin/true\n"+
		"CapabilityBoundingSet=CAP_CHOWN cap_kill\nCapabilityBoundingSet=CAP_NET_RAW\nCapabilityBoundingSet=~CAP_KILL\n"), Dirs{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Process.Bounding.String(), "CAP_CHOWN CAP_NET_RAW"; got != want {
		t.Errorf("bounding set = %q; want %q", got, want)
	}
	s, err = ParseService("x.service", []byte("[Service]\nExecStart=/bin/true\nCapabilityBoundingSet=\n"), Dirs{})
	if err != nil || s.Process.Bounding == nil || *s.Process.Bounding != 0 {
		t.Errorf("an empty bounding set is read as %v, %v; want one with nothing in it", s, err)
	}
	if got := CapSet(1 << 25).String(); got != "CAP_SYS_TIME" {
		t.Errorf("capability 25 = %q; want CAP_SYS_TIME", got)
	}
	if got := CapSet(1 << 40).String(); got != "CAP_CHECKPOINT_RESTORE" {
		t.Errorf("capability 40 = %q; want CAP_CHECKPOINT_RESTORE", got)
	}
}

func TestDelay(t *testing.T) {
	s := &Service{RestartDelay: time.Second, RestartSteps: 3, RestartMaxDelay: 8 * time.Second}
	for n, want := range []time.Duration{1, 2, 4, 8, 8, 8} {
		if got := s.Delay(n).Round(time.Millisecond); got != want*time.Second {
			t.Errorf("Delay(%d) = %v; want %v s", n, got, want)
		}
	}
	s = &Service{RestartDelay: time.Second, RestartMaxDelay: Infinity}
	if got := s.Delay(100); got != time.Second {
		t.Errorf("Delay without steps = %v; want 1 s", got)
	}
}

// FuzzLoad: whatever the text, the reader does not fail but with an error that
// has a place, and its count of the lines agrees with go-systemd's parser.
func FuzzLoad(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data)
		}
	}
	f.Add([]byte("[A]\nB=c \\\n d\n;x\n[E]\n F = g\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		index, err := indexLines("x.service", data)
		if err == nil {
			opts, err := sdunit.DeserializeOptions(bytes.NewReader(data))
			if err != nil {
				t.Fatalf("go-systemd refuses what was accepted: %v", err)
			}
			if len(opts) != len(index) {
				t.Fatalf("%d directives where go-systemd has %d", len(index), len(opts))
			}
			for i, o := range opts {
				if o.Name != index[i].name || o.Section != index[i].section {
					t.Fatalf("directive %d is [%s] %s; go-systemd has [%s] %s", i, index[i].section, index[i].name, o.Section, o.Name)
				}
			}
		}
		for _, name := range []string{"x.service", "x.socket"} {
			set, err := Load(fstest.MapFS{name: {Data: data}}, Dirs{})
			var located *Error
			if err != nil && !errors.As(err, &located) {
				t.Errorf("an error without a place: %v", err)
			}
			if err == nil && len(set.Services)+len(set.Sockets) != 1 {
				t.Errorf("neither an error nor a unit")
			}
		}
	})
}
