package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"switchroom/appliance/calls/recordings"
	"switchroom/appliance/calls/service"
	"switchroom/provisioning"
)

// recordsFile is what the records have to know of the site document in force:
// the document itself has secrets in it.
const recordsFile = "/data/config/records.json"

// records is the service of call records, and the commands that show them.
func records(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	box := service.Box{
		Paths:    service.BoxPaths,
		Settings: func() (service.Settings, error) { return recordSettings(recordsFile) },
		Reopen:   service.ReopenByCLI,
		Encoder:  recordings.Encoder{Command: []string{"/usr/bin/lame"}},
	}
	return box.Main(ctx, args, stdout, stderr)
}

// recordSettings reads what concerns records. A box that has no document yet
// has the defaults.
func recordSettings(path string) (service.Settings, error) {
	site := provisioning.Default(provisioning.Ports{})
	doc := struct {
		TimeZone      string
		Language      string
		Recording     provisioning.Recording
		Masking       provisioning.Masking
		ServiceLevels map[string]int // seconds, by queue
	}{TimeZone: site.TimeZone, Language: site.Language, Recording: site.Recording, Masking: site.Masking}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &doc)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return service.Settings{}, fmt.Errorf("reading what the site document says of records: %w", err)
	}
	zone, err := time.LoadLocation(doc.TimeZone)
	if err != nil {
		return service.Settings{}, fmt.Errorf("the site's time zone: %w", err)
	}
	s := service.Settings{
		Zone: zone, Language: doc.Language,
		Policy:    recordings.Policy{Days: doc.Recording.RetentionDays, MinFreePercent: doc.Recording.MinFreePercent},
		Mono:      !doc.Recording.Stereo,
		KeepFirst: doc.Masking.KeepFirst, KeepLast: doc.Masking.KeepLast,
		ServiceLevel: map[string]time.Duration{},
		FactDays:     factDays,
	}
	for queue, seconds := range doc.ServiceLevels {
		s.ServiceLevel[queue] = time.Duration(seconds) * time.Second
	}
	return s, nil
}

// factDays is for how many days the lines of Asterisk's logs stay beside the
// records that were made of them.
const factDays = 7
