package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/tools/txtar"

	"switchroom/appliance/asterisk"
	"switchroom/provisioning"
	"switchroom/provisioning/asteriskconf"
	"switchroom/provisioning/calendar"
	"switchroom/provisioning/freepbx"
	"switchroom/provisioning/schema"
)

// ErrUsage asks for the list of the commands.
var ErrUsage = errors.New("no such command")

// ErrReported says that what is wrong was told already.
var ErrReported = errors.New("it was told")

// Commands is `switchroom site …`.
type Commands struct {
	Service func(*slog.Logger) (*Service, error)
	Stdin   io.Reader
	Author  string // of a revision whose author isn't given

	language       string
	stdout, stderr io.Writer
	service        *Service
}

// Language is the language that a person is spoken to in, by the environment:
// LC_ALL, LC_MESSAGES and LANG, the first that is set.
func Language(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return "zh-CN"
			}
			return "en"
		}
	}
	return "en"
}

// Usage lists the commands, a line each; language is a BCP 47 tag.
func Usage(language string) string {
	rows := [][3]string{
		{"validate [FILE]", "look for faults in a document", "检查配置文件有无错误"},
		{"render [-file NAME] [-o DIR] [FILE]", "what Asterisk would get", "显示将交给 Asterisk 的配置"},
		{"diff [A [B]]", "what is different; files, or numbers of revisions", "比较两份配置（文件或版本号）"},
		{"apply [-plan] [-now|-idle] [-author A] [-comment C] [FILE]", "bring a document into force", "使配置生效"},
		{"export [-full] [-revision N] [FILE]", "write a document", "导出配置"},
		{"import [the options of apply] FILE", "apply a document of another version", "导入旧版本的配置"},
		{"import [the options of apply] [-extensions CSV] [-dids CSV] [-holidays ICS]", "put in what FreePBX has exported, and holidays", "导入 FreePBX 导出的分机和呼入路由、节假日"},
		{"schema", "the JSON Schema of documents", "配置文件的 JSON Schema"},
		{"revisions [-json] [-n COUNT]", "who changed what, and when", "列出历史版本"},
		{"revert [the options of apply] N", "back to a revision", "恢复到某一版本"},
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		text := r[1]
		if language == "zh-CN" {
			text = r[2]
		}
		fmt.Fprintf(w, "  switchroom site %s\t%s\n", r[0], text)
	}
	_ = w.Flush() // a string takes everything
	return b.String()
}

// Run runs a command. What is wrong with a document is told to stderr in the
// person's language, and the error is then [ErrReported].
func (c *Commands) Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c.stdout, c.stderr, c.language = stdout, stderr, Language(os.Getenv)
	commands := map[string]func(context.Context, *flag.FlagSet, []string) error{
		"validate": c.validate, "render": c.render, "diff": c.diff, "apply": c.apply, "export": c.export,
		"import": c.importFile, "revisions": c.revisions, "revert": c.revert, "schema": c.schema,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(stderr, Usage(c.language))
		return ErrUsage
	}
	f := flag.NewFlagSet("switchroom site "+args[0], flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.language, "language", c.language, "en or zh-CN")
	return c.tell(commands[args[0]](ctx, f, args[1:]))
}

// open makes the service and opens the revisions. What the person named is
// read before: the service may have fewer rights than the person.
func (c *Commands) open(ctx context.Context) (*Revisions, error) {
	if err := c.serve(); err != nil {
		return nil, err
	}
	return c.service.Open(ctx)
}

func (c *Commands) serve() (err error) {
	if c.service == nil {
		c.service, err = c.Service(slog.New(slog.NewTextHandler(c.stderr, nil)))
	}
	return err
}

// say writes to the person.
func (c *Commands) say(w io.Writer, en, zh string, args ...any) {
	format := en
	if c.language == "zh-CN" {
		format = zh
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// tell tells errors that are for people in their language.
func (c *Commands) tell(err error) error {
	var faults provisioning.Faults
	var back *asterisk.RolledBack
	var busy *asterisk.Busy
	switch {
	case err == nil:
		return nil
	case errors.Is(err, flag.ErrHelp):
		return ErrReported
	case errors.As(err, &faults):
		fmt.Fprintln(c.stderr, faults.Text(c.language))
		c.say(c.stderr, "%d faults", "共 %d 处错误", len(faults))
	case errors.As(err, &busy):
		fmt.Fprint(c.stderr, busy.Text(c.language))
		c.say(c.stderr, "-idle waits until no call would end, -now does it at once", "加 -idle 等待通话结束后生效，加 -now 立即生效")
	case errors.As(err, &back):
		fmt.Fprintln(c.stderr, back.Text(c.language))
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				if !errors.As(e, &back) {
					fmt.Fprintln(c.stderr, e)
				}
			}
		}
	case errors.Is(err, ErrNoRevision):
		c.say(c.stderr, "there is no such revision", "没有这个版本")
	default:
		return err
	}
	return ErrReported
}

// input reads a document: of a file, or of the standard input for "-" or
// nothing.
func (c *Commands) input(name string) ([]byte, error) {
	if name == "" || name == "-" {
		return io.ReadAll(c.Stdin)
	}
	return os.ReadFile(name)
}

// documents are documents by what a person calls them: "" is the one in force,
// a number a revision, and anything else a file.
func (c *Commands) documents(ctx context.Context, names ...string) ([][]byte, error) {
	out := make([][]byte, len(names))
	numbers := make([]int64, len(names))
	kept := false
	for i, name := range names {
		var err error
		if numbers[i], err = strconv.ParseInt(name, 10, 64); name == "" || err == nil {
			kept = true
			continue
		}
		if out[i], err = c.input(name); err != nil {
			return nil, err
		}
	}
	if !kept {
		return out, nil
	}
	r, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for i, name := range names {
		switch {
		case name == "":
			_, out[i] = c.service.inForce(ctx, r)
		case numbers[i] != 0:
			rev, err := r.Get(ctx, numbers[i])
			if err != nil {
				return nil, err
			}
			out[i] = rev.Document
		}
	}
	return out, nil
}

func parse(f *flag.FlagSet, args []string, atLeast, atMost int) error {
	if err := f.Parse(args); err != nil {
		return fmt.Errorf("%w", flag.ErrHelp) // it was told
	}
	if f.NArg() < atLeast || f.NArg() > atMost {
		return ErrUsage
	}
	return nil
}

func (c *Commands) validate(_ context.Context, f *flag.FlagSet, args []string) error {
	if err := parse(f, args, 0, 1); err != nil {
		return err
	}
	data, err := c.input(f.Arg(0))
	if err != nil {
		return err
	}
	if _, err := provisioning.Parse(data); err != nil {
		return err
	}
	c.say(c.stdout, "no faults", "没有错误")
	return nil
}

// hidden stands for a secret where somebody looks.
const hidden = "(secret)"

func (c *Commands) render(ctx context.Context, f *flag.FlagSet, args []string) error {
	file := f.String("file", "", "this file alone")
	dir := f.String("o", "", "write the files into this folder")
	if err := parse(f, args, 0, 1); err != nil {
		return err
	}
	data, err := c.documents(ctx, f.Arg(0))
	if err != nil {
		return err
	}
	site, err := provisioning.Parse(data[0])
	if err != nil {
		return err
	}
	if err := c.serve(); err != nil {
		return err
	}
	ports := c.service.Ports(ctx)
	files := asteriskconf.Render(site.Complete(ports), ports, asteriskconf.Secrets{Manager: hidden})
	if *file != "" {
		text, ok := files[*file]
		if !ok {
			return fmt.Errorf("there is no file %s; there are %s", *file, strings.Join(slices.Sorted(maps.Keys(files)), ", "))
		}
		_, err := c.stdout.Write(text)
		return err
	}
	archive := &txtar.Archive{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if *dir != "" {
			if err := os.WriteFile(*dir+"/"+name, files[name], 0o600); err != nil {
				return err
			}
			continue
		}
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: files[name]})
	}
	_, err = c.stdout.Write(txtar.Format(archive))
	return err
}

func (c *Commands) diff(ctx context.Context, f *flag.FlagSet, args []string) error {
	if err := parse(f, args, 0, 2); err != nil {
		return err
	}
	names := f.Args()
	switch len(names) {
	case 0:
		names = []string{"", "-"}
	case 1:
		names = []string{"", names[0]}
	}
	documents, err := c.documents(ctx, names...)
	if err != nil {
		return err
	}
	var sites [2]provisioning.Site
	for i, data := range documents {
		if sites[i], err = provisioning.Parse(data); err != nil {
			return err
		}
	}
	changes := provisioning.Diff(sites[0], sites[1])
	for _, change := range changes {
		fmt.Fprintln(c.stdout, change.Text(c.language))
	}
	if len(changes) == 0 {
		c.say(c.stdout, "no difference", "没有差别")
	}
	return nil
}

// applying are the options of the commands that bring something into force.
type applying struct {
	plan, now, idle *bool
	author, comment *string
}

func (c *Commands) applying(f *flag.FlagSet) applying {
	return applying{
		plan:    f.Bool("plan", false, "tell what it would do to Asterisk and to calls, and do nothing"),
		now:     f.Bool("now", false, "at once, even if calls end"),
		idle:    f.Bool("idle", false, "wait until no call would end"),
		author:  f.String("author", c.Author, "who wants it"),
		comment: f.String("comment", "", "why"),
	}
}

func (a applying) change() (Change, error) {
	when := asterisk.IfFree
	switch {
	case *a.now && *a.idle:
		return Change{}, ErrUsage
	case *a.now:
		when = asterisk.Now
	case *a.idle:
		when = asterisk.Idle
	}
	return Change{Author: *a.author, Comment: *a.comment, When: when}, nil
}

func (c *Commands) apply(ctx context.Context, f *flag.FlagSet, args []string) error {
	a := c.applying(f)
	if err := parse(f, args, 0, 1); err != nil {
		return err
	}
	if f.NArg() == 0 && !*a.plan {
		// What the service at boot runs.
		if err := c.serve(); err != nil {
			return err
		}
		return c.service.Start(ctx)
	}
	data, err := c.input(f.Arg(0))
	if err != nil {
		return err
	}
	return c.bring(ctx, data, a)
}

func (c *Commands) importFile(ctx context.Context, f *flag.FlagSet, args []string) error {
	a := c.applying(f)
	var l lists
	f.StringVar(&l.extensions, "extensions", "", "a list of extensions that FreePBX has exported, as CSV")
	f.StringVar(&l.dids, "dids", "", "a list of DIDs that FreePBX has exported, as CSV")
	f.StringVar(&l.holidays, "holidays", "", "a calendar of holidays, as iCalendar: of this year and the next two")
	f.StringVar(&l.calendar, "calendar", "holidays", "the name that the calendar has in the document")
	if err := parse(f, args, 0, 1); err != nil {
		return err
	}
	if l.any() == (f.NArg() == 1) {
		return ErrUsage
	}
	var site provisioning.Site
	var err error
	if l.any() {
		site, err = c.with(ctx, l)
	} else {
		// Of an earlier version, perhaps: it is kept as this firmware writes it.
		var data []byte
		if data, err = c.input(f.Arg(0)); err == nil {
			site, err = provisioning.Parse(data)
		}
	}
	if err != nil {
		return err
	}
	data, err := site.Format()
	if err != nil {
		return err
	}
	return c.bring(ctx, data, a)
}

// lists are files of others that hold a part of a document.
type lists struct{ extensions, dids, holidays, calendar string }

func (l lists) any() bool { return l.extensions+l.dids+l.holidays != "" }

// with is the document in force with what the files hold put in. What could
// not be taken over is told.
func (c *Commands) with(ctx context.Context, l lists) (site provisioning.Site, err error) {
	// What the person named is read before the person's rights are given up.
	texts := map[string][]byte{}
	for _, name := range []string{l.extensions, l.dids, l.holidays} {
		if name == "" {
			continue
		}
		if texts[name], err = c.input(name); err != nil {
			return site, err
		}
	}
	documents, err := c.documents(ctx, "")
	if err != nil {
		return site, err
	}
	if site, err = provisioning.Parse(documents[0]); err != nil {
		return site, err
	}
	if l.extensions != "" {
		list, problems, err := freepbx.Extensions(bytes.NewReader(texts[l.extensions]))
		tellAll(c, l.extensions, problems)
		if err != nil {
			return site, fmt.Errorf("%s: %w", l.extensions, err)
		}
		site = site.WithExtensions(list)
	}
	if l.dids != "" {
		list, problems, err := freepbx.DIDs(bytes.NewReader(texts[l.dids]))
		tellAll(c, l.dids, problems)
		if err != nil {
			return site, fmt.Errorf("%s: %w", l.dids, err)
		}
		site = site.WithInbound(list)
	}
	if l.holidays != "" {
		zone, err := time.LoadLocation(site.TimeZone)
		if err != nil {
			return site, err
		}
		year := time.Now().In(zone).Year()
		holidays, skipped, err := calendar.Read(bytes.NewReader(texts[l.holidays]), l.calendar,
			time.Date(year, 1, 1, 0, 0, 0, 0, zone), time.Date(year+calendarYears, 12, 31, 0, 0, 0, 0, zone), zone)
		tellAll(c, l.holidays, skipped)
		if err != nil {
			return site, fmt.Errorf("%s: %w", l.holidays, err)
		}
		site = site.WithCalendar(holidays)
	}
	return site, nil
}

// calendarYears is how many years after this one a calendar is read for.
const calendarYears = 2

func tellAll[T Trouble](c *Commands, file string, troubles []T) {
	for _, t := range troubles {
		fmt.Fprintf(c.stderr, "%s: %s\n", file, t.Text(c.language))
	}
}

func (c *Commands) revert(ctx context.Context, f *flag.FlagSet, args []string) error {
	a := c.applying(f)
	if err := parse(f, args, 1, 1); err != nil {
		return err
	}
	number, err := strconv.ParseInt(f.Arg(0), 10, 64)
	if err != nil {
		return ErrUsage
	}
	data, err := c.documents(ctx, strconv.FormatInt(number, 10))
	if err != nil {
		return err
	}
	if *a.comment == "" {
		*a.comment = fmt.Sprintf("back to revision %d", number)
		if c.language == "zh-CN" {
			*a.comment = fmt.Sprintf("恢复到版本 %d", number)
		}
	}
	return c.bring(ctx, data[0], a)
}

// bring brings a document into force, or tells what that would do.
func (c *Commands) bring(ctx context.Context, data []byte, a applying) error {
	change, err := a.change()
	if err != nil {
		return err
	}
	r, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if *a.plan {
		plan, err := c.service.Plan(ctx, r, data)
		if err == nil {
			c.tellPlan(plan)
		}
		return err
	}
	// A box that has no revision yet gets its first one before the second.
	if _, err := r.Current(ctx); errors.Is(err, ErrNoRevision) {
		c.service.first(ctx, r)
	}
	rev, plan, err := c.service.Apply(ctx, r, data, change)
	if err != nil {
		return err
	}
	c.warn(ctx, data)
	c.tellPlan(plan)
	c.say(c.stdout, "revision %d is in force", "版本 %d 已生效", rev.Number)
	return nil
}

// warn tells what works, but perhaps not as the owner thinks.
func (c *Commands) warn(ctx context.Context, data []byte) {
	site, err := provisioning.Parse(data)
	if err != nil {
		return // it was told
	}
	for _, w := range site.Warnings(c.service.Ports(ctx)) {
		c.say(c.stderr, "note: %s", "提示：%s", w.String(c.language))
	}
}

func (c *Commands) tellPlan(p asterisk.Plan) {
	if len(p.Steps) == 0 {
		c.say(c.stdout, "nothing to do for Asterisk", "Asterisk 无需变更")
	}
	fmt.Fprint(c.stdout, p.Text(c.language))
}

func (c *Commands) export(ctx context.Context, f *flag.FlagSet, args []string) error {
	number := f.Int64("revision", 0, "this one, and not the one in force")
	full := f.Bool("full", false, "with everything that has its default")
	if err := parse(f, args, 0, 1); err != nil {
		return err
	}
	name, out := "", c.stdout
	if *number != 0 {
		name = strconv.FormatInt(*number, 10)
	}
	if f.Arg(0) != "" && f.Arg(0) != "-" {
		file, err := os.OpenFile(f.Arg(0), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // it has passwords
		if err != nil {
			return err
		}
		defer file.Close()
		out = file
	}
	data, err := c.documents(ctx, name)
	if err != nil {
		return err
	}
	if *full {
		site, err := provisioning.Parse(data[0])
		if err != nil {
			return err
		}
		if data[0], err = site.FormatFull(); err != nil {
			return err
		}
	}
	_, err = out.Write(data[0])
	return err
}

func (c *Commands) schema(_ context.Context, f *flag.FlagSet, args []string) error {
	if err := parse(f, args, 0, 0); err != nil {
		return err
	}
	_, err := c.stdout.Write(schema.JSON())
	return err
}

func (c *Commands) revisions(ctx context.Context, f *flag.FlagSet, args []string) error {
	asJSON := f.Bool("json", false, "for machines")
	count := f.Int("n", 0, "the newest so many; 0: all")
	if err := parse(f, args, 0, 0); err != nil {
		return err
	}
	r, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	list, err := r.List(ctx, *count)
	if err != nil {
		return err
	}
	if *asJSON {
		enc := json.NewEncoder(c.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(list)
	}
	zh := c.language == "zh-CN"
	words := map[Outcome]string{Begun: "begun", Applied: "applied", Failed: "failed"}
	if zh {
		words = map[Outcome]string{Begun: "未完成", Applied: "已生效", Failed: "未生效"}
	}
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	for _, rev := range list {
		reason, _, _ := strings.Cut(rev.Reason, "\n")
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", rev.Number, rev.Time.Format("2006-01-02 15:04:05"), words[rev.Outcome], rev.Author,
			strings.TrimSpace(rev.Comment+" "+reason))
	}
	return w.Flush()
}
