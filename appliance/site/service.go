package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"switchroom/appliance/asterisk"
	"switchroom/appliance/store"
	"switchroom/dahdi"
	"switchroom/provisioning"
	"switchroom/provisioning/asteriskconf"
)

// Applier brings files into force, as [asterisk.Applier] does.
type Applier interface {
	Plan(files map[string][]byte) (asterisk.Plan, error)
	Apply(ctx context.Context, files map[string][]byte, when asterisk.When) (asterisk.Plan, error)
}

// A Service is the document of a box.
type Service struct {
	Log     *slog.Logger
	Paths   Paths
	Applier Applier
	// Prompts makes what is spoken of the document, before Asterisk may be
	// asked to play it, and tells what it could not make: then the other
	// language is played. Nil: nobody does.
	Prompts func(ctx context.Context, site provisioning.Site) ([]Trouble, error)
	// Secret is of a user of Asterisk's manager. It stays while Asterisk runs.
	Secret func(user string) (string, error)
}

// Trouble is something that does not work and doesn't stop the rest, for a
// person; language is a BCP 47 tag.
type Trouble interface{ Text(language string) string }

// speak makes the prompts. Nothing of it stops a document: calls without a
// prompt are better than none.
func (s *Service) speak(ctx context.Context, site provisioning.Site) {
	if s.Prompts == nil {
		return
	}
	troubles, err := s.Prompts(ctx, site)
	if err != nil {
		s.Log.ErrorContext(ctx, "the prompts of the document", "error", err)
	}
	for _, t := range troubles {
		s.Log.WarnContext(ctx, t.Text("en"))
	}
}

// Change is who wants something to be in force, and why.
type Change struct {
	Author, Comment string
	When            asterisk.When
}

// Open opens the revisions. A damaged database is put aside, and the copy of
// the document in force becomes the first revision of a new one.
func (s *Service) Open(ctx context.Context) (*Revisions, error) {
	path := s.Paths.database()
	r, err := OpenRevisions(ctx, path)
	if err == nil || !store.IsCorrupt(err) && !strings.Contains(err.Error(), "checking a database") {
		return r, err
	}
	aside := path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000")
	s.Log.ErrorContext(ctx, "the database of revisions is damaged: it is put aside, and a new one begun", "error", err, "aside", aside)
	if err := os.Rename(path, aside); err != nil {
		return nil, fmt.Errorf("putting a damaged database aside: %w", err)
	}
	for _, more := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+more, aside+more); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("putting a damaged database aside: %w", err)
		}
	}
	return OpenRevisions(ctx, path)
}

// Ports are those of the box. Without a readable list it is one without a
// card: it must come up all the same.
func (s *Service) Ports(ctx context.Context) provisioning.Ports {
	data, err := os.ReadFile(s.Paths.Ports)
	var inv dahdi.Inventory
	if err == nil {
		err = json.Unmarshal(data, &inv)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.Log.WarnContext(ctx, "the ports of the box are not known: going on without a card", "file", s.Paths.Ports)
		return provisioning.Ports{}
	case err != nil:
		s.Log.ErrorContext(ctx, "the ports of the box can't be read: going on without a card", "error", err)
		return provisioning.Ports{}
	}
	return provisioning.PortsOf(inv)
}

// Render makes the files of a document.
func (s *Service) Render(ctx context.Context, r *Revisions, site provisioning.Site) (map[string][]byte, error) {
	ports := s.Ports(ctx)
	site = site.Complete(ports)
	for _, u := range site.Unplugged(ports) {
		s.Log.WarnContext(ctx, "left out: "+u)
	}
	secrets, err := s.secrets(ctx, r, site)
	if err != nil {
		return nil, err
	}
	return asteriskconf.Render(site, ports, secrets), nil
}

// secrets are those that are in no document: of the manager's users, as long
// as the box runs; of telephones that were given none, for ever. Without a
// database such a telephone can't register.
func (s *Service) secrets(ctx context.Context, r *Revisions, site provisioning.Site) (out asteriskconf.Secrets, err error) {
	if out.Manager, err = s.Secret("provision"); err != nil {
		return out, err
	}
	if out.CTI, err = s.Secret("cti"); err != nil || r == nil {
		return out, err
	}
	const prefix = "sip/"
	var names []string
	for _, e := range site.Extensions {
		if e.Browser || e.SIP != nil && e.SIP.Secret == "" {
			names = append(names, prefix+e.Number)
		}
	}
	kept, err := r.Secrets(ctx, names)
	out.SIP = make(map[string]string, len(kept))
	for name, value := range kept {
		out.SIP[strings.TrimPrefix(name, prefix)] = value
	}
	return out, err
}

// Plan tells what applying a document would do.
func (s *Service) Plan(ctx context.Context, r *Revisions, document []byte) (asterisk.Plan, error) {
	site, err := provisioning.Parse(document)
	if err != nil {
		return asterisk.Plan{}, err
	}
	files, err := s.Render(ctx, r, site)
	if err != nil {
		return asterisk.Plan{}, err
	}
	p, err := s.Applier.Plan(files)
	s.reboots(ctx, r, site, &p)
	return p, err
}

// reboots adds to the plan what the card's driver is told when it is loaded.
func (s *Service) reboots(ctx context.Context, r *Revisions, site provisioning.Site, p *asterisk.Plan) {
	if now, err := r.Current(ctx); err == nil {
		if old, err := provisioning.Parse(now.Document); err == nil && old.Country != site.Country {
			p.Steps = append(p.Steps, asterisk.Step{Operation: asterisk.Reboot, Calls: asterisk.CallsGoOn})
		}
	}
}

// Apply brings a document into force as a new revision. If it can't, what was
// in force stays so, and the revision is kept with the reason; a document with
// faults ([provisioning.Faults]) and one that must wait ([asterisk.Busy]) are
// not kept.
func (s *Service) Apply(ctx context.Context, r *Revisions, document []byte, c Change) (Revision, asterisk.Plan, error) {
	site, err := provisioning.Parse(document)
	if err != nil {
		return Revision{}, asterisk.Plan{}, err
	}
	files, err := s.Render(ctx, r, site)
	if err != nil {
		return Revision{}, asterisk.Plan{}, err
	}
	reboot := asterisk.Plan{}
	s.reboots(ctx, r, site, &reboot)
	rev, err := r.Add(ctx, c.Author, c.Comment, document)
	if err != nil {
		return rev, asterisk.Plan{}, err
	}
	s.speak(ctx, site)
	plan, err := s.Applier.Apply(ctx, files, c.When)
	plan.Steps = append(plan.Steps, reboot.Steps...)
	// What has happened is noted even if nobody waits for it any more.
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		// Prompts are those of the document in force again.
		if now, e := r.Current(ctx); e == nil {
			if old, e := provisioning.Parse(now.Document); e == nil {
				s.speak(ctx, old)
			}
		}
	}
	var busy *asterisk.Busy
	switch {
	case errors.As(err, &busy):
		return rev, plan, errors.Join(err, r.Forget(ctx, rev.Number))
	case err != nil:
		rev.Outcome, rev.Reason = Failed, err.Error()
		return rev, plan, errors.Join(err, r.End(ctx, rev.Number, Failed, rev.Reason))
	}
	rev.Outcome = Applied
	if err := r.End(ctx, rev.Number, Applied, ""); err != nil {
		return rev, plan, err
	}
	s.settle(ctx, site, document)
	return rev, plan, nil
}

// settle does what follows from a document in force besides Asterisk's files.
// Nothing of it is worth taking the document back.
func (s *Service) settle(ctx context.Context, site provisioning.Site, document []byte) {
	for _, copy := range []struct {
		path string
		data []byte
		mode os.FileMode
	}{
		{s.Paths.copy(), document, 0o600},
		{s.Paths.card(), cardOf(site), 0o644},
		{s.Paths.records(), recordsOf(site), 0o644},
	} {
		if has, err := os.ReadFile(copy.path); err == nil && string(has) == string(copy.data) {
			continue
		}
		if err := writeDurably(copy.path, copy.data, copy.mode); err != nil {
			s.Log.ErrorContext(ctx, "the copy of the document in force", "error", err)
		}
	}
	if err := s.Paths.setZone(site.TimeZone); err != nil {
		s.Log.ErrorContext(ctx, "the box's time zone stays as it was", "error", err)
	}
}

// Start brings the document in force into force again: at boot, before
// Asterisk starts, and when somebody asks for it. It fails only if Asterisk's
// files can't be written.
func (s *Service) Start(ctx context.Context) error {
	r, err := s.Open(ctx)
	if err != nil {
		s.Log.ErrorContext(ctx, "the revisions can't be read", "error", err)
		r = nil
	} else {
		defer r.Close()
	}
	site, document := s.inForce(ctx, r)
	files, err := s.Render(ctx, r, site)
	if err != nil {
		return err
	}
	s.speak(ctx, site)
	plan, err := s.Applier.Apply(ctx, files, asterisk.IfFree)
	if err != nil {
		return err
	}
	s.settle(ctx, site, document)
	s.Log.InfoContext(ctx, "Asterisk's configuration written", "files", len(files), "changed", len(plan.Files), "country", site.Country,
		"extensions", len(site.Extensions), "lines", len(site.Lines))
	return nil
}

// inForce finds the document to use. r is nil if there is no database.
func (s *Service) inForce(ctx context.Context, r *Revisions) (provisioning.Site, []byte) {
	if r == nil {
		if site, document, ok := s.fromFile(ctx, s.Paths.copy()); ok {
			return site, document
		}
		return s.builtIn(ctx, "nothing can be read")
	}
	rev, err := r.Current(ctx)
	if errors.Is(err, ErrNoRevision) {
		return s.first(ctx, r)
	}
	for ; err == nil; rev, err = r.Before(ctx, rev.Number) {
		site, perr := provisioning.Parse(rev.Document)
		if perr == nil {
			s.Log.InfoContext(ctx, "site document read", "revision", rev.Number, "author", rev.Author, "made", rev.Time)
			return site, rev.Document
		}
		s.Log.ErrorContext(ctx, "this firmware can't use a revision: the one before is looked at", "revision", rev.Number, "error", perr)
	}
	return s.builtIn(ctx, "no revision can be used")
}

// first makes revision 1: of the copy beside a database that is gone, of what
// was put on the disk for that, or of the built-in site.
func (s *Service) first(ctx context.Context, r *Revisions) (provisioning.Site, []byte) {
	site, document := provisioning.Site{}, []byte(nil)
	comment, found := "", false
	for _, path := range append([]string{s.Paths.copy()}, s.Paths.First...) {
		if site, document, found = s.fromFile(ctx, path); found {
			comment = "from " + path
			break
		}
	}
	if !found {
		site, document = s.builtIn(ctx, "there is no document")
		comment = "the built-in site"
	}
	rev, err := r.Add(ctx, "switchroom", comment, document)
	if err == nil {
		err = r.End(ctx, rev.Number, Applied, "")
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "revision 1 can't be kept", "error", err)
	}
	return site, document
}

func (s *Service) fromFile(ctx context.Context, path string) (provisioning.Site, []byte, bool) {
	document, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return provisioning.Site{}, nil, false // the boot loader's partition is root's
	}
	var site provisioning.Site
	if err == nil {
		site, err = provisioning.Parse(document)
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "a site document is refused", "file", path, "error", err)
		return provisioning.Site{}, nil, false
	}
	return site, document, true
}

func (s *Service) builtIn(ctx context.Context, why string) (provisioning.Site, []byte) {
	s.Log.InfoContext(ctx, "the built-in site is used", "because", why)
	document := []byte("{}\n")
	site, err := provisioning.Parse(document)
	if err != nil {
		panic("site: {} is no document: " + err.Error())
	}
	if full, err := site.Format(); err == nil {
		document = full
	}
	return site, document
}
