//go:build native

package recordings

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"switchroom/image/packages"
)

// lame is that of the image, started with the image's own libraries.
func lame(t testing.TB) []string {
	t.Helper()
	store, err := packages.Open(packages.Config{})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := packages.Default()
	if err != nil {
		t.Fatal(err)
	}
	list, err := lock.Union("root")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := store.Tree(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(tree, "usr/lib/x86_64-linux-gnu")
	return []string{filepath.Join(lib, "ld-linux-x86-64.so.2"), "--library-path", lib, filepath.Join(tree, "usr/bin/lame")}
}

// tone is a sine of so many seconds.
func tone(hz float64, seconds int) []int16 {
	out := make([]int16, 8000*seconds)
	for i := range out {
		out[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/8000))
	}
	return out
}

// strength is how strong a frequency is, by Goertzel's algorithm.
func strength(samples []int16, hz float64) float64 {
	w := 2 * math.Cos(2*math.Pi*hz/8000)
	var a, b float64
	for _, s := range samples {
		a, b = w*a-b+float64(s), a
	}
	return math.Sqrt(a*a+b*b-w*a*b) / float64(len(samples)) * 2
}

// TestLame: what the image's lame makes has each side where it belongs, is as
// long as what was said, and silence stays silence.
func TestLame(t *testing.T) {
	dir := t.TempDir()
	l, r, dst := filepath.Join(dir, "l.wav"), filepath.Join(dir, "r.wav"), filepath.Join(dir, "x.mp3")
	left, right := tone(440, 10), tone(1000, 8)
	clear(left[4*8000 : 6*8000]) // muted for two seconds
	clear(right[4*8000 : 6*8000])
	writeWav(t, l, 8000, 0, left...)
	writeWav(t, r, 8000, 0, right...)
	command := lame(t)
	if _, err := (Encoder{Command: command}).convert(t.Context(), l, r, dst); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(dst)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(10 * defaultKbps * 1000 / 8); st.Size() < want*95/100 || st.Size() > want*110/100 {
		t.Errorf("%d bytes for 10 s; want about %d", st.Size(), want)
	}
	back := filepath.Join(dir, "back.wav")
	if out, err := exec.Command(command[0], append(command[1:], "--quiet", "--decode", dst, back)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(back)
	if err != nil {
		t.Fatal(err)
	}
	if channels := binary.LittleEndian.Uint16(data[22:]); channels != 2 {
		t.Fatalf("%d channels; want 2", channels)
	}
	var sides [2][]int16
	for i := 44; i+3 < len(data); i += 4 {
		sides[0] = append(sides[0], int16(binary.LittleEndian.Uint16(data[i:])))
		sides[1] = append(sides[1], int16(binary.LittleEndian.Uint16(data[i+2:])))
	}
	if n := len(sides[0]); n < 79000 || n > 83000 {
		t.Errorf("%d samples; want about 80000", n)
	}
	for _, c := range []struct {
		side     int
		from, to int // seconds
		hz       float64
		there    bool
	}{
		{0, 1, 3, 440, true}, {0, 1, 3, 1000, false}, {1, 1, 3, 1000, true}, {1, 1, 3, 440, false},
		{0, 4, 6, 440, false}, {1, 4, 6, 1000, false}, {0, 7, 9, 440, true}, {1, 9, 10, 1000, false},
	} {
		// Half a second at each end for the encoder's delay.
		s := strength(sides[c.side][c.from*8000+4000:c.to*8000-2000], c.hz)
		if there := s > 5000; there != c.there || !c.there && s > 200 {
			t.Errorf("side %d, %d to %d s, %v Hz: strength %.0f; there %v", c.side, c.from, c.to, c.hz, s, c.there)
		}
	}
}

// BenchmarkLame measures the processor time that an hour of talk takes.
func BenchmarkLame(b *testing.B) {
	dir := b.TempDir()
	l, r := filepath.Join(dir, "l.wav"), filepath.Join(dir, "r.wav")
	writeWav(b, l, 8000, 0, tone(440, 600)...)
	writeWav(b, r, 8000, 0, tone(1000, 600)...)
	e := Encoder{Command: lame(b)}
	used := func() time.Duration {
		var all time.Duration
		for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
			var u syscall.Rusage
			if err := syscall.Getrusage(who, &u); err != nil {
				b.Fatal(err)
			}
			all += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
		return all
	}
	start := used()
	for b.Loop() {
		if _, err := e.convert(b.Context(), l, r, filepath.Join(dir, "x.mp3")); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((used()-start).Seconds()/float64(b.N)*6, "CPU-s/hour")
}
