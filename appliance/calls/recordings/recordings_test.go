package recordings

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMain is the encoder too: one that keeps the samples as they are.
func TestMain(m *testing.M) {
	switch os.Getenv("RECORDINGS_ENCODER") {
	case "copy":
		if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	case "fail":
		_, _ = io.CopyN(os.Stdout, os.Stdin, 10)
		fmt.Fprintln(os.Stderr, "no more room")
		os.Exit(3)
	}
	os.Exit(m.Run())
}

func encoder(t *testing.T, how string) Encoder {
	t.Helper()
	t.Setenv("RECORDINGS_ENCODER", how)
	return Encoder{Command: []string{os.Args[0]}}
}

// writeWav writes samples as Asterisk does. The sizes in its header are what
// they are told to be.
func writeWav(t testing.TB, path string, rate int, size uint32, samples ...int16) {
	t.Helper()
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*rate))
	b = append(b, 2, 0, 16, 0)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
}

func readSamples(t *testing.T, path string) []int16 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []int16
	for i := 0; i+1 < len(data); i += 2 {
		out = append(out, int16(binary.LittleEndian.Uint16(data[i:])))
	}
	return out
}

func TestConvert(t *testing.T) {
	dir := t.TempDir()
	l, r, dst := filepath.Join(dir, "l.wav"), filepath.Join(dir, "r.wav"), filepath.Join(dir, "2026", "x.mp3")
	writeWav(t, l, 8000, 0, 1, 2, 3) // as a killed Asterisk leaves it: no size
	writeWav(t, r, 8000, 99, 32767)
	e := encoder(t, "copy")
	length, err := e.convert(t.Context(), l, r, dst)
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * time.Second / 8000; length != want {
		t.Errorf("length %v; want %v", length, want)
	}
	if diff := cmp.Diff([]int16{1, 32767, 2, 0, 3, 0}, readSamples(t, dst)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	e.Mono = true
	if _, err := e.convert(t.Context(), l, r, dst); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int16{32767, 2, 3}, readSamples(t, dst)); diff != "" {
		t.Errorf("both sides together (-want +got)\n%s", diff)
	}
}

// TestConvertFails: what goes wrong leaves no file, and an older one as it was.
func TestConvertFails(t *testing.T) {
	dir := t.TempDir()
	l, r, dst := filepath.Join(dir, "l.wav"), filepath.Join(dir, "r.wav"), filepath.Join(dir, "x.mp3")
	writeWav(t, l, 8000, 0, make([]int16, 100000)...)
	writeWav(t, r, 8000, 0, 1)
	if err := os.WriteFile(dst, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", what)
		}
		if data, _ := os.ReadFile(dst); string(data) != "before" {
			t.Errorf("%s: the file is %.20q", what, data)
		}
		if _, err := os.Stat(dst + partSuffix); err == nil {
			t.Errorf("%s: a part is left", what)
		}
	}
	_, err := encoder(t, "fail").convert(t.Context(), l, r, dst)
	check("an encoder that fails", err)
	if err != nil && !strings.Contains(err.Error(), "no more room") {
		t.Errorf("what the encoder said is not told: %v", err)
	}
	_, err = Encoder{Command: []string{filepath.Join(dir, "none")}}.convert(t.Context(), l, r, dst)
	check("no encoder", err)
	writeWav(t, r, 16000, 0, 1)
	_, err = encoder(t, "copy").convert(t.Context(), l, r, dst)
	check("two rates", err)
	for _, bad := range []string{"", "RIFF", "RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00", "RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff", "mp3"} {
		if err := os.WriteFile(r, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = encoder(t, "copy").convert(t.Context(), l, r, dst)
		check(fmt.Sprintf("%q", bad), err)
	}
}

// catalogue is one in memory.
type catalogue struct {
	subjects map[string]Subject
	list     []Recording
	failing  bool
}

func (c *catalogue) Subject(_ context.Context, id string) (Subject, bool, error) {
	s, ok := c.subjects[id]
	return s, ok, nil
}

func (c *catalogue) AddRecording(_ context.Context, r Recording) error {
	if c.failing {
		return errors.New("the database is gone")
	}
	c.list = slices.DeleteFunc(c.list, func(o Recording) bool { return o.ID == r.ID })
	c.list = append(c.list, r)
	return nil
}

func (c *catalogue) DropRecording(_ context.Context, id string) error {
	c.list = slices.DeleteFunc(c.list, func(o Recording) bool { return o.ID == id })
	return nil
}

func (c *catalogue) HasRecording(_ context.Context, path string) (bool, error) {
	return slices.ContainsFunc(c.list, func(r Recording) bool { return r.Path == path }), nil
}

func (c *catalogue) OldestRecordings(_ context.Context, before time.Time, n int) ([]Recording, error) {
	var out []Recording
	for _, r := range c.list {
		if r.At.Before(before) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Recording) int { return a.At.Compare(b.At) })
	return out[:min(n, len(out))], nil
}

func keeper(t *testing.T) (*Keeper, *catalogue) {
	t.Helper()
	dir := t.TempDir()
	k := &Keeper{
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Spool: filepath.Join(dir, "spool"), Folder: filepath.Join(dir, "recordings"),
		Encoder: encoder(t, "copy"), Zone: time.FixedZone("", 8*3600),
	}
	for _, d := range []string{k.Spool, k.Folder} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := &catalogue{subjects: map[string]Subject{}}
	k.Catalogue = c
	return k, c
}

func (k *Keeper) record(t *testing.T, id string) {
	t.Helper()
	writeWav(t, filepath.Join(k.Spool, id+inSuffix), 8000, 0, 1, 2)
	writeWav(t, filepath.Join(k.Spool, id+outSuffix), 8000, 0, 3, 4)
}

func spooled(t *testing.T, k *Keeper) int {
	t.Helper()
	e, err := os.ReadDir(k.Spool)
	if err != nil {
		t.Fatal(err)
	}
	return len(e)
}

func TestKeeper(t *testing.T) {
	k, c := keeper(t)
	start := time.Date(2026, 11, 22, 18, 30, 5, 0, time.UTC)
	k.record(t, "box-1795384328.1")
	now := time.Now()
	k.now = func() time.Time { return now }
	run := func(want int) {
		t.Helper()
		if n, err := k.Run(t.Context()); n != want || err != nil {
			t.Fatalf("%d, %v; want %d", n, err, want)
		}
	}
	now = now.Add(time.Minute)
	run(0) // the channel is not known yet
	c.subjects["box-1795384328.1"] = Subject{Call: "call", Start: start, Caller: "02012345678", Agent: "811"}
	run(0) // the call goes on
	c.subjects["box-1795384328.1"] = Subject{Call: "call", Start: start, Caller: "02012345678", Agent: "811", Over: true}
	c.failing = true
	run(0) // whole, but not listed
	if len(c.list) != 0 || spooled(t, k) != 2 {
		t.Fatalf("%d listed, %d in the spool; want 0 and 2", len(c.list), spooled(t, k))
	}
	c.failing = false
	run(0) // not at once again
	now = now.Add(10 * time.Minute)
	run(1)
	want := []Recording{{
		ID: "box-1795384328.1", Call: "call", At: start, Length: 2 * time.Second / 8000, Bytes: 8, Caller: "02012345678", Agent: "811",
		Path: "2026/11/23/023005-02012345678-811-box_1795384328.1.mp3",
	}}
	if diff := cmp.Diff(want, c.list); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := readSamples(t, filepath.Join(k.Folder, want[0].Path)); !slices.Equal(got, []int16{1, 3, 2, 4}) {
		t.Errorf("samples %v", got)
	}
	if spooled(t, k) != 0 {
		t.Error("the wav files are still there")
	}
	// A list that was lost is made again of the names.
	c.list = nil
	if err := os.WriteFile(filepath.Join(k.Folder, "2026/11/23/x.mp3.part"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	want[0].Length = 8 * 8 * time.Second / (defaultKbps * 1000) // by its size
	if diff := cmp.Diff(want, c.list); diff != "" {
		t.Errorf("listed again (-want +got)\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(k.Folder, "2026/11/23/x.mp3.part")); err == nil {
		t.Error("a part of a recording is still there")
	}
}

// TestEmptyAndUnknown: a recording of silence by nobody is not kept for ever,
// and one of a channel that nobody knows is not thrown away.
func TestEmptyAndUnknown(t *testing.T) {
	k, c := keeper(t)
	now := time.Now().Add(orphanTime + time.Minute)
	k.now = func() time.Time { return now }
	k.record(t, "unknown.1")
	writeWav(t, filepath.Join(k.Spool, "empty.1"+inSuffix), 8000, 0)
	writeWav(t, filepath.Join(k.Spool, "empty.1"+outSuffix), 8000, 0)
	if n, err := k.Run(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if len(c.list) != 1 || c.list[0].ID != "unknown.1" || !strings.HasSuffix(c.list[0].Path, "-unknown-none-unknown.1.mp3") {
		t.Errorf("listed %+v", c.list)
	}
	now = now.Add(emptyTime)
	if n, err := k.Run(t.Context()); n != 0 || err != nil || spooled(t, k) != 0 {
		t.Errorf("%d, %v, %d in the spool; want none", n, err, spooled(t, k))
	}
}

func TestNames(t *testing.T) {
	k := &Keeper{}
	got := k.name("../../etc/passwd", Subject{Start: time.Unix(0, 0), Caller: "../x y;$(rm)", Agent: "8-1"})
	if want := "1970/01/01/000000-xyrm-8_1-etcpasswd.mp3"; got != want {
		t.Errorf("name %q; want %q", got, want)
	}
}

func TestExpire(t *testing.T) {
	k, c := keeper(t)
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	k.now = func() time.Time { return now }
	percent := 50.0
	k.free = func(string) (float64, error) { return percent, nil }
	for i := range 40 {
		at := now.AddDate(0, 0, -i)
		r := Recording{ID: fmt.Sprint(i), Path: at.Format("2006/01/02") + "/r.mp3", At: at}
		path := filepath.Join(k.Folder, r.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		c.list = append(c.list, r)
	}
	if n, err := k.Expire(t.Context(), Policy{}); n != 0 || err != nil {
		t.Errorf("without a policy: %d removed, %v", n, err)
	}
	// Exactly 30 days old is kept: 0 to 30 stay.
	if n, err := k.Expire(t.Context(), Policy{Days: 30, MinFreePercent: 10}); n != 9 || err != nil {
		t.Errorf("by age: %d removed, %v; want 9", n, err)
	}
	// Each that goes frees 0.3 %: from 5 % the 17th reaches 10 %, in tens 20.
	percent = 5
	k.Catalogue = freeing{c, &percent}
	if n, err := k.Expire(t.Context(), Policy{Days: 30, MinFreePercent: 10}); n != 20 || err != nil {
		t.Errorf("by room: %d removed, %v; want 20", n, err)
	}
	if len(c.list) != 11 {
		t.Errorf("%d are left; want 11", len(c.list))
	}
	files := 0
	if err := filepath.WalkDir(k.Folder, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
		} else if err == nil && p != k.Folder {
			if inside, err := os.ReadDir(p); err != nil || len(inside) == 0 {
				t.Errorf("%s is empty, %v", p, err)
			}
		}
		return err
	}); err != nil || files != 11 {
		t.Errorf("%d files, %v; want 11", files, err)
	}
	// A disk that something else fills: all but the one of this very moment goes, and that is the end.
	percent = 1
	k.Catalogue = c
	if n, err := k.Expire(t.Context(), Policy{MinFreePercent: 10}); n != 10 || err != nil {
		t.Errorf("a full disk: %d removed, %v", n, err)
	}
}

// freeing frees a little of the disk with each recording.
type freeing struct {
	*catalogue
	percent *float64
}

func (f freeing) DropRecording(ctx context.Context, id string) error {
	*f.percent += 0.3
	return f.catalogue.DropRecording(ctx, id)
}
