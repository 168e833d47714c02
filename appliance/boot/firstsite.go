package boot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Where the installer may put a site document for the first boot, and where
// the user provision finds it. The database is there from the first boot on.
const (
	espDocument   = espDir + "/site.json"
	firstDocument = siteDir + "/esp.json"
	siteDatabase  = "/data/config/config.db"
)

// maxDocument bounds what is taken from the boot loader's partition, in bytes.
const maxDocument = 4 << 20

// takeFirstDocument gives provision the document that lies on the boot
// loader's partition, on a box that has none of its own yet.
func (s *System) takeFirstDocument(who *ids) {
	if s.State().Disk == "" {
		return
	}
	if _, err := os.Stat(siteDatabase); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	s.esp.Lock()
	defer s.esp.Unlock()
	err := s.withESP(func(func() error) error {
		found, err := takeDocument(espDocument, firstDocument, who.user("provision"), who.group("provision"))
		if found {
			s.log.Info("a site document lies on the boot loader's partition")
		}
		return err
	})
	if err != nil && !errors.Is(err, ErrNoSlot) {
		s.problem("looking for a site document on the boot loader's partition: %v", err)
	}
}

// takeDocument copies a file for a user, who alone may read it.
func takeDocument(from, to string, uid, gid int) (found bool, err error) {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", from, err)
	}
	if len(data) > maxDocument {
		return false, fmt.Errorf("%s has more than %d bytes", from, maxDocument)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return false, err
	}
	_, err = out.Write(data)
	return true, errors.Join(err, out.Chown(uid, gid), out.Close())
}
