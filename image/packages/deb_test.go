package packages

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestDebData(t *testing.T) {
	body := strings.Repeat("hello ", 10_000)
	for _, suffix := range []string{"", ".gz", ".xz", ".zst"} {
		t.Run("data.tar"+suffix, func(t *testing.T) {
			deb := makeDeb(t, suffix, []entry{{name: "./usr/share/x", body: body}})
			r, err := debData(bytes.NewReader(deb))
			if err != nil {
				t.Fatal(err)
			}
			tr := tar.NewReader(r)
			h, err := tr.Next()
			if err != nil || h.Name != "./usr/share/x" {
				t.Fatalf("first file: %v, %v", h, err)
			}
			got, err := io.ReadAll(tr)
			if err != nil || string(got) != body {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(body))
			}
		})
	}
}

func TestDebDataRefuses(t *testing.T) {
	whole := makeDeb(t, ".gz", []entry{{name: "./x", body: "x"}})
	tests := map[string][]byte{
		"nothing":                nil,
		"not an archive":         []byte("hello, I am not an archive"),
		"an empty archive":       makeAr(),
		"another format":         makeAr([2]string{"debian-binary", "3.0\n"}, [2]string{"data.tar", ""}),
		"no version":             makeAr([2]string{"data.tar", ""}),
		"no data":                makeAr([2]string{"debian-binary", "2.0\n"}),
		"unknown compression":    makeAr([2]string{"debian-binary", "2.0\n"}, [2]string{"data.tar.arj", ""}),
		"cut in a header":        whole[:100],
		"damaged header's end":   bytes.Replace(whole, []byte("`\n"), []byte("``"), 1),
		"size that is no number": bytes.Replace(whole, []byte("4         `"), []byte("-4        `"), 1),
	}
	for name, deb := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := debData(bytes.NewReader(deb)); err == nil {
				t.Error("debData found nothing wrong")
			}
		})
	}
}

func TestDebCutInTheDataIsAnError(t *testing.T) {
	whole := makeDeb(t, "", []entry{{name: "./x", body: strings.Repeat("x", 5000)}})
	r, err := debData(bytes.NewReader(whole[:len(whole)-3000]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("reading = %v; want %v", err, io.ErrUnexpectedEOF)
	}
}

func FuzzDebData(f *testing.F) {
	for _, suffix := range []string{"", ".gz", ".zst"} {
		f.Add(makeDeb(f, suffix, []entry{{name: "./x", body: "x"}, {name: "./d/", kind: tar.TypeDir}}))
	}
	f.Add(makeAr([2]string{"debian-binary", "2.0\n"}, [2]string{"data.tar", "x"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := debData(bytes.NewReader(b))
		if err != nil {
			return
		}
		// Whatever the data is, it must end: without a panic, and without more than a bounded bomb.
		_, _ = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
	})
}

// An archive that is written and read is the same.
func FuzzAr(f *testing.F) {
	f.Add("debian-binary", "2.0\n", "data.tar", "xyz")
	f.Fuzz(func(t *testing.T, n1, b1, n2, b2 string) {
		for _, n := range []string{n1, n2} {
			if n == "" || len(n) > 16 || strings.ContainsFunc(n, func(r rune) bool { return r <= ' ' || r == '/' || r > '~' }) || len(b1)+len(b2) > 1<<16 {
				return
			}
		}
		a, err := newArReader(bytes.NewReader(makeAr([2]string{n1, b1}, [2]string{n2, b2})))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range [][2]string{{n1, b1}, {n2, b2}} {
			m, err := a.next()
			if err != nil || m.name != want[0] {
				t.Fatalf("next = %q, %v; want %q", m.name, err, want[0])
			}
			// Members that are not read to their end must be skipped rightly.
			got, err := io.ReadAll(io.LimitReader(a, int64(len(want[1])/2)))
			if err != nil || string(got) != want[1][:len(want[1])/2] {
				t.Fatalf("body = %q, %v; want the first half of %q", got, err, want[1])
			}
		}
		if _, err := a.next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the last member: %v; want %v", err, io.EOF)
		}
	})
}
