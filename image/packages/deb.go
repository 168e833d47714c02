package packages

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// arMember is the header of one member of an ar archive.
type arMember struct {
	name string
	size int64
}

// arReader reads ar archives as .deb files are (deb(5)): the common format, without long names.
type arReader struct {
	r    *bufio.Reader
	left int64 // of the present member, its padding byte included
	data int64 // of the present member, without the padding
}

func newArReader(r io.Reader) (*arReader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	magic := make([]byte, 8)
	if _, err := io.ReadFull(b, magic); err != nil || string(magic) != "!<arch>\n" {
		return nil, errors.New("not an ar archive")
	}
	return &arReader{r: b}, nil
}

// next goes to the next member; io.EOF after the last.
func (a *arReader) next() (arMember, error) {
	if _, err := io.CopyN(io.Discard, a.r, a.left); err != nil {
		return arMember{}, fmt.Errorf("ar: skipping to the next member: %w", io.ErrUnexpectedEOF)
	}
	a.left, a.data = 0, 0
	var h [60]byte
	if n, err := io.ReadFull(a.r, h[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return arMember{}, io.EOF
		}
		return arMember{}, fmt.Errorf("ar: header: %w", err)
	}
	if h[58] != '`' || h[59] != '\n' {
		return arMember{}, errors.New("ar: header does not end as it must")
	}
	size, err := strconv.ParseUint(strings.TrimRight(string(h[48:58]), " "), 10, 40)
	if err != nil {
		return arMember{}, fmt.Errorf("ar: size %q", h[48:58])
	}
	name := strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/")
	a.data = int64(size)
	a.left = a.data + a.data&1
	return arMember{name: name, size: a.data}, nil
}

// Read reads the present member.
func (a *arReader) Read(p []byte) (int, error) {
	if a.data == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > a.data {
		p = p[:a.data]
	}
	n, err := a.r.Read(p)
	a.data -= int64(n)
	a.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// debData returns the tar stream of a .deb's data member, decompressed.
func debData(r io.Reader) (io.Reader, error) {
	a, err := newArReader(r)
	if err != nil {
		return nil, err
	}
	m, err := a.next()
	if err != nil {
		return nil, err
	}
	version, err := io.ReadAll(io.LimitReader(a, 16))
	if err != nil {
		return nil, err
	}
	if m.name != "debian-binary" || !bytes.HasPrefix(version, []byte("2.")) {
		return nil, fmt.Errorf("not a Debian package of format 2: first member %q, version %q", m.name, version)
	}
	for {
		m, err := a.next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the package has no data member")
		}
		if err != nil {
			return nil, err
		}
		if suffix, ok := strings.CutPrefix(m.name, "data.tar"); ok {
			return decompress(a, suffix)
		}
	}
}

// decompress returns what r says once its compression, named as a file's suffix, is undone.
func decompress(r io.Reader, suffix string) (io.Reader, error) {
	switch suffix {
	case "":
		return r, nil
	case ".gz":
		return gzip.NewReader(r)
	case ".xz":
		return xz.NewReader(bufio.NewReaderSize(r, 1<<18))
	case ".zst":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	return nil, fmt.Errorf("compression %q is not known", suffix)
}
