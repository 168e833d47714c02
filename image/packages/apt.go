package packages

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// apt resolves packages with the host's apt in a root of its own: no package counts as installed,
// and only one suite of one mirror is known. The host's own lists and settings are not touched.
type apt struct {
	conf   string // the file that APT_CONFIG names
	mirror string
}

// keyrings are where the keys that sign the archive may be.
var keyrings = []string{"/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"}

// openApt makes the private root under dir and fetches the suite's lists. One process at a time.
func openApt(ctx context.Context, dir, mirror, suite string, log io.Writer) (*apt, error) {
	i := slices.IndexFunc(keyrings, func(k string) bool { _, err := os.Stat(k); return err == nil })
	if i < 0 {
		return nil, errors.New("the host has no Debian archive keyring (package debian-archive-keyring): package lists could not be verified")
	}
	for _, d := range []string{"etc/apt.conf.d", "etc/preferences.d", "lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	var sources strings.Builder
	for _, kind := range []string{"deb", "deb-src"} {
		// A slow mirror's Release file can be past its date. Its signature is checked all the same.
		fmt.Fprintf(&sources, "%s [arch=amd64 check-valid-until=no signed-by=%s] %s %s main\n", kind, keyrings[i], mirror, suite)
	}
	// APT_CONFIG is read after the host's apt.conf.d; its settings win, and #clear undoes what the
	// host runs around its own updates. Proxies set on the host still hold.
	conf := fmt.Sprintf(`#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
Dir %[1]q;
Dir::Etc "etc";
Dir::State %[1]q;
Dir::State::Lists "lists";
Dir::State::status %[2]q;
Dir::Cache "cache";
APT::Architecture "amd64";
#clear APT::Architectures;
APT::Architectures { "amd64"; };
APT::Sandbox::User "";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Default-Release "";
Acquire::Languages "none";
Acquire::Retries "3";
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
Dpkg::Use-Pty "0";
`, dir, filepath.Join(dir, "status"))
	a := &apt{conf: filepath.Join(dir, "apt.conf"), mirror: mirror}
	for name, text := range map[string]string{"etc/sources.list": sources.String(), "apt.conf": conf, "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	cmd := a.command(ctx, "apt-get", "update", "-q", "--error-on=any")
	cmd.Stdout, cmd.Stderr = log, log
	var tail tailWriter
	if log == nil {
		cmd.Stderr = &tail
	}
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("apt-get update for suite %s: %w: %s", suite, err, tail.String())
	}
	return a, nil
}

// tailWriter keeps the last few kilobytes written to it.
type tailWriter struct{ b []byte }

func (t *tailWriter) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - 4096; over > 0 {
		t.b = t.b[over:]
	}
	return len(p), nil
}

func (t *tailWriter) String() string { return strings.TrimSpace(string(t.b)) }

func (a *apt) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+a.conf, "LC_ALL=C")
	return cmd
}

func (a *apt) output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := a.command(ctx, name, args...)
	var tail tailWriter
	cmd.Stderr = &tail
	out, err := cmd.Output()
	if err != nil {
		// apt-get -s explains on standard output what can't be installed.
		return nil, fmt.Errorf("%s %s: %w: %s %s", name, args[0], err, lastLines(out), tail.String())
	}
	return out, nil
}

func lastLines(b []byte) string {
	if len(b) > 2000 {
		b = b[len(b)-2000:]
	}
	return strings.TrimSpace(string(b))
}

var instLine = regexp.MustCompile(`^Inst (\S+) (?:\[\S+\] )?\((\S+) `)

// installed reads "name=version" of everything that a simulated run of apt-get would install.
func installed(simulation []byte) ([]string, error) {
	var all []string
	for line := range strings.Lines(string(simulation)) {
		if !strings.HasPrefix(line, "Inst ") {
			continue
		}
		m := instLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("apt-get wrote a line that is not understood: %q", line)
		}
		all = append(all, m[1]+"="+m[2])
	}
	return all, nil
}

// resolve returns the packages with everything that they depend on, sorted by name.
func (a *apt) resolve(ctx context.Context, names []string) ([]Package, error) {
	out, err := a.output(ctx, "apt-get", append([]string{"install", "-s", "-q", "--no-install-recommends", "--"}, names...)...)
	if err != nil {
		return nil, err
	}
	all, err := installed(out)
	if err != nil {
		return nil, err
	}
	out, err = a.output(ctx, "apt-cache", append([]string{"show", "--"}, all...)...)
	if err != nil {
		return nil, err
	}
	var pkgs []Package
	seen := map[string]bool{}
	err = stanzas(bytes.NewReader(out), func(f map[string]string) error {
		p, err := packageOf(f)
		if err != nil || seen[p.Name] {
			return err
		}
		seen[p.Name] = true
		pkgs = append(pkgs, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(pkgs) != len(all) {
		return nil, fmt.Errorf("apt resolved %d packages and described %d", len(all), len(pkgs))
	}
	slices.SortFunc(pkgs, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return pkgs, nil
}

// packageOf reads a stanza of a Packages file.
func packageOf(f map[string]string) (Package, error) {
	size, err := strconv.ParseInt(f["Size"], 10, 64)
	if err != nil {
		return Package{}, fmt.Errorf("package %s: size %q", f["Package"], f["Size"])
	}
	p := Package{
		Name: f["Package"], Version: f["Version"], Arch: f["Architecture"],
		Source: f["Package"], SourceVersion: f["Version"],
		Path: f["Filename"], Size: size, SHA256: f["SHA256"],
	}
	// "Source: name" or "Source: name (version)" where they differ from the binary's.
	if src := strings.Fields(f["Source"]); len(src) > 0 {
		p.Source = src[0]
		if len(src) > 1 {
			p.SourceVersion = strings.Trim(src[1], "()")
		}
	}
	if err := p.File().check(); err != nil {
		return Package{}, fmt.Errorf("package %s: %w", p.Name, err)
	}
	return p, nil
}

// sources returns source packages; versions[i] may be empty for the suite's present one. What the
// suite does not have is named in the error.
func (a *apt) sources(ctx context.Context, want []Source) ([]Source, error) {
	names := make([]string, 0, len(want))
	for _, w := range want {
		names = append(names, w.Name)
	}
	out, err := a.output(ctx, "apt-cache", append([]string{"showsrc", "--only-source", "--"}, names...)...)
	if err != nil {
		return nil, err
	}
	have := map[string][]Source{}
	err = stanzas(bytes.NewReader(out), func(f map[string]string) error {
		s, err := sourceOf(f)
		if err != nil {
			return err
		}
		have[s.Name] = append(have[s.Name], s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var found []Source
	var missing []string
	for _, w := range want {
		i := slices.IndexFunc(have[w.Name], func(s Source) bool { return w.Version == "" || s.Version == w.Version })
		if i < 0 {
			missing = append(missing, strings.TrimSpace(w.Name+" "+w.Version))
			continue
		}
		found = append(found, have[w.Name][i])
	}
	if len(missing) > 0 {
		return found, fmt.Errorf("the suite has no source package %s", strings.Join(missing, ", "))
	}
	sortSources(found)
	return found, nil
}

func sortSources(s []Source) {
	slices.SortFunc(s, func(a, b Source) int { return strings.Compare(a.Name+" "+a.Version, b.Name+" "+b.Version) })
}

// sourceOf reads a stanza of a Sources file.
func sourceOf(f map[string]string) (Source, error) {
	s := Source{Name: f["Package"], Version: f["Version"]}
	for line := range strings.Lines(f["Checksums-Sha256"]) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if len(w) != 3 {
			return s, fmt.Errorf("source %s: line %q", s.Name, line)
		}
		size, err := strconv.ParseInt(w[1], 10, 64)
		if err != nil {
			return s, fmt.Errorf("source %s: size %q", s.Name, w[1])
		}
		file := File{Path: f["Directory"] + "/" + w[2], Size: size, SHA256: w[0]}
		if err := file.check(); err != nil {
			return s, fmt.Errorf("source %s: %w", s.Name, err)
		}
		s.Files = append(s.Files, file)
	}
	if len(s.Files) == 0 {
		return s, fmt.Errorf("source %s: no files", s.Name)
	}
	slices.SortFunc(s.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return s, nil
}

// stanzas calls f with the fields of every paragraph of deb822 text. Continuation lines are joined
// with newlines.
func stanzas(r io.Reader, f func(fields map[string]string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<24)
	fields := map[string]string{}
	last := ""
	flush := func() error {
		if len(fields) == 0 {
			return nil
		}
		done := fields
		fields, last = map[string]string{}, ""
		return f(done)
	}
	for sc.Scan() {
		line := sc.Text()
		switch {
		case strings.TrimSpace(line) == "":
			if err := flush(); err != nil {
				return err
			}
		case line[0] == ' ' || line[0] == '\t':
			if last == "" {
				return fmt.Errorf("a continuation without a field: %q", line)
			}
			fields[last] += "\n" + line
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				return fmt.Errorf("not a field: %q", line)
			}
			last = name
			fields[name] = strings.TrimSpace(value)
		}
	}
	if err := sc.Err(); err != nil {
		return err
	}
	return flush()
}
