// Package provisioning holds the site document: what the owner of the box
// wants, in one strict, versioned JSON document. The document says which
// number rings which port, which queue a line from the exchange leads to, and
// in which country all this stands. Nothing in it is a file name or a setting
// of a program: the rooms below turn it into these.
//
// Everything here is pure: reading a file, finding out which cards there are
// and applying the result is the business of others.
package provisioning

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a time zone is judged the same on every machine
)

// Version is the version of the document that this program reads and writes.
const Version = 1

// Countries are the countries whose telephone network is known here: tones,
// ringing, caller id and the way an exchange ends a call. ISO 3166-1 alpha-2
// codes in lower case.
var Countries = []string{"br", "cn", "de", "fr", "gb", "in", "jp", "ru", "us"}

// Languages are the languages that callers can be spoken to in: those whose
// prompts are in the image. BCP 47 tags.
var Languages = []string{"en"}

// Site is the document. The zero value is not valid; see [Default].
type Site struct {
	Version  int    `json:"version"`
	Country  string `json:"country"`  // one of [Countries]
	Language string `json:"language"` // one of [Languages]
	TimeZone string `json:"timeZone"` // a name of the tz database, such as Asia/Shanghai

	Extensions []Extension `json:"extensions"`
	Queues     []Queue     `json:"queues"`
	Lines      []Line      `json:"lines"`
}

// Extension is a telephone that can be called and can call.
type Extension struct {
	Number string `json:"number"` // 2 to 8 digits
	Name   string `json:"name"`   // shown to whom it calls; may be empty
	Port   int    `json:"port"`   // the port it is plugged into, counted from 1 over all cards
}

// Queue holds callers until one of its members is free.
type Queue struct {
	Number  string   `json:"number"`  // 2 to 8 digits
	Name    string   `json:"name"`    // for people; may be empty
	Members []string `json:"members"` // numbers of extensions
}

// Line is a line from the exchange that ends at a port.
type Line struct {
	Port  int    `json:"port"`  // counted from 1 over all cards
	Queue string `json:"queue"` // the number of the queue that its callers come to
}

// Parse reads a document and checks it. An error names the place in the
// document; all the faults of a document that could be read are told at once.
func Parse(data []byte) (Site, error) {
	var s Site
	if err := decodeStrict(data, &s); err != nil {
		return Site{}, err
	}
	if err := s.Validate(); err != nil {
		return Site{}, err
	}
	return s, nil
}

// Format writes the document as a person would like to read it.
func (s Site) Format() ([]byte, error) {
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the site document: %w", err)
	}
	return append(out, '\n'), nil
}

var (
	number = regexp.MustCompile(`^[0-9]{2,8}$`)
	// A name goes to telephones as caller id and into configuration files:
	// no control characters, and none of the marks that have a meaning there.
	name = regexp.MustCompile(`^[^\x00-\x1f\x7f"<>\[\];\\]{0,40}$`)
)

// maxPort is the highest port number: DAHDI has no more channels.
const maxPort = 1023

// Validate returns every fault of the document, joined, or nil.
func (s Site) Validate() error {
	var faults []error
	fault := func(path, format string, args ...any) {
		faults = append(faults, at(path, fmt.Errorf(format, args...)))
	}
	if s.Version != Version {
		fault("version", "this firmware reads version %d, the document has %d", Version, s.Version)
	}
	if !slices.Contains(Countries, s.Country) {
		fault("country", "%q is not one of %s", s.Country, strings.Join(Countries, ", "))
	}
	if !slices.Contains(Languages, s.Language) {
		fault("language", "%q is not one of %s", s.Language, strings.Join(Languages, ", "))
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "" || s.TimeZone == "Local" {
		fault("timeZone", "%q is not the name of a time zone, such as Asia/Shanghai", s.TimeZone)
	}

	numbers := map[string]string{} // number: the path that has it
	ports := map[int]string{}
	takeNumber := func(path, n string) {
		if !number.MatchString(n) {
			fault(path, "%q is not a number of 2 to 8 digits", n)
		} else if first, taken := numbers[n]; taken {
			fault(path, "%s is the number of %s already", n, first)
		} else {
			numbers[n] = strings.TrimSuffix(path, ".number")
		}
	}
	takePort := func(path string, p int) {
		if p < 1 || p > maxPort {
			fault(path, "%d is not between 1 and %d", p, maxPort)
		} else if first, taken := ports[p]; taken {
			fault(path, "port %d belongs to %s already", p, first)
		} else {
			ports[p] = strings.TrimSuffix(path, ".port")
		}
	}
	takeName := func(path, n string) {
		if !name.MatchString(n) {
			fault(path, "%q is longer than 40 characters or has a character that a telephone can't show", n)
		}
	}

	extensions := map[string]bool{}
	for i, e := range s.Extensions {
		path := fmt.Sprintf("extensions[%d]", i)
		takeNumber(path+".number", e.Number)
		takeName(path+".name", e.Name)
		takePort(path+".port", e.Port)
		extensions[e.Number] = true
	}
	queues := map[string]bool{}
	for i, q := range s.Queues {
		path := fmt.Sprintf("queues[%d]", i)
		takeNumber(path+".number", q.Number)
		takeName(path+".name", q.Name)
		queues[q.Number] = true
		member := map[string]bool{}
		for j, m := range q.Members {
			here := fmt.Sprintf("%s.members[%d]", path, j)
			if !extensions[m] {
				fault(here, "%q is not the number of an extension", m)
			} else if member[m] {
				fault(here, "%s is a member already", m)
			}
			member[m] = true
		}
	}
	for i, l := range s.Lines {
		path := fmt.Sprintf("lines[%d]", i)
		takePort(path+".port", l.Port)
		if !queues[l.Queue] {
			fault(path+".queue", "%q is not the number of a queue", l.Queue)
		}
	}
	return errors.Join(faults...)
}
