package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"switchroom/provisioning"
)

// Paths are where things are on the box.
type Paths struct {
	Dir      string   // of config.db and of the copy of the document in force
	First    []string // documents for a box without a revision; the first that exists counts
	Ports    string   // the ports of the cards, as the service `ports` found them
	Asterisk string   // Asterisk's folder
	Prompts  string   // the folder of what the owner has recorded and written
	Zone     string   // the file with the box's time zone
	Zones    string   // the folder of all time zones
}

// BoxPaths are the paths on the box, below a root ("" but for tests).
func BoxPaths(root string) Paths {
	return Paths{
		Dir:      root + "/data/config",
		First:    []string{root + "/data/site.json", root + "/run/switchroom/site/esp.json", root + "/efi/site.json"},
		Ports:    root + "/run/switchroom/ports.json",
		Asterisk: root + "/etc/asterisk",
		Prompts:  root + "/data/prompts",
		Zone:     root + "/run/switchroom/site/localtime",
		Zones:    root + "/usr/share/zoneinfo",
	}
}

func (p Paths) database() string { return filepath.Join(p.Dir, "config.db") }
func (p Paths) copy() string     { return filepath.Join(p.Dir, "site.json") }

// card is the document with nothing in it but what the service of the ports
// needs, which starts before all else and may read no secrets.
func (p Paths) card() string { return filepath.Join(p.Dir, "card.json") }

// cardOf is what that is.
func cardOf(site provisioning.Site) []byte {
	doc := struct {
		Version int    `json:"version"`
		Country string `json:"country"`
		Name    string `json:"name"`
	}{provisioning.Version, site.Country, site.Name}
	data, err := json.Marshal(doc)
	if err != nil {
		panic(err) // numbers and strings can be written
	}
	return append(data, '\n')
}

// records is the document with nothing in it but what the service of the call
// records needs, whose user may read no secrets.
func (p Paths) records() string { return filepath.Join(p.Dir, "records.json") }

// recordsOf is what that is.
func recordsOf(site provisioning.Site) []byte {
	doc := struct {
		TimeZone      string                 `json:"timeZone"`
		Language      string                 `json:"language"`
		Recording     provisioning.Recording `json:"recording"`
		Masking       provisioning.Masking   `json:"masking"`
		ServiceLevels map[string]int         `json:"serviceLevels"` // seconds, by queue
	}{site.TimeZone, site.Language, site.Recording, site.Masking, map[string]int{}}
	for _, q := range site.Queues {
		doc.ServiceLevels[q.Number] = q.ServiceLevelSeconds
	}
	data, err := json.Marshal(doc)
	if err != nil {
		panic("site: " + err.Error()) // it holds nothing that can't be written
	}
	return append(data, '\n')
}

// writeDurably replaces a file in one step that survives the loss of power.
func writeDurably(path string, data []byte, mode os.FileMode) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// setZone makes the zone's file the box's. It is a copy and not a link: of a
// file that is replaced the programs that have it open are told (Asterisk, by
// inotify), of a link that points elsewhere they are not.
func (p Paths) setZone(name string) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%q is no time zone", name)
	}
	data, err := os.ReadFile(filepath.Join(p.Zones, name))
	if err != nil {
		return fmt.Errorf("the time zone: %w", err)
	}
	if has, err := os.ReadFile(p.Zone); err == nil && string(has) == string(data) {
		if info, err := os.Lstat(p.Zone); err == nil && info.Mode().IsRegular() {
			return nil
		}
	}
	if _, err := os.Stat(filepath.Dir(p.Zone)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the time zone: %w", err)
	}
	return writeDurably(p.Zone, data, 0o644)
}
