package service

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/ledger"
	"switchroom/appliance/calls/reports"
)

// view is what the commands for people share.
type view struct {
	Settings
	from, to string
	lang     string
	masked   bool
}

func (b Box) view(f *flag.FlagSet) (*view, error) {
	s, err := b.Settings()
	if err != nil {
		return nil, err
	}
	v := &view{Settings: s}
	if v.Zone == nil {
		v.Zone = time.UTC
	}
	f.StringVar(&v.from, "from", "", "from that `day` or time of the site's clocks on (2006-01-02[T15:04]); today unless set")
	f.StringVar(&v.to, "to", "", "to before that `day` or time; a day after -from unless set")
	f.StringVar(&v.lang, "lang", s.Language, "`language`: en or zh-CN")
	f.BoolVar(&v.masked, "masked", false, "hide the numbers of people outside")
	return v, nil
}

// times reads -from and -to.
func (v *view) times(now time.Time) (from, to time.Time, err error) {
	parse := func(s string) (time.Time, error) {
		for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
			if t, err := time.ParseInLocation(layout, s, v.Zone); err == nil {
				return t, nil
			}
		}
		return time.Time{}, fmt.Errorf("%q is no day and no time: 2006-01-02 or 2006-01-02T15:04", s)
	}
	y, m, d := now.In(v.Zone).Date()
	from = time.Date(y, m, d, 0, 0, 0, 0, v.Zone)
	if v.from != "" {
		if from, err = parse(v.from); err != nil {
			return from, to, err
		}
	}
	to = from.AddDate(0, 0, 1)
	if v.to != "" {
		if to, err = parse(v.to); err != nil {
			return from, to, err
		}
	}
	if !from.Before(to) {
		return from, to, fmt.Errorf("from %s to %s is no time", from.Format(time.DateTime), to.Format(time.DateTime))
	}
	return from, to, nil
}

func (v *view) see(c calls.Call) calls.Call {
	return c.For(calls.Viewer{Numbers: !v.masked, KeepFirst: v.KeepFirst, KeepLast: v.KeepLast})
}

func (b Box) list(ctx context.Context, f *flag.FlagSet, args []string, stdout io.Writer) error {
	v, err := b.view(f)
	if err != nil {
		return err
	}
	filter := ledger.Filter{Newest: true}
	f.StringVar(&filter.Queue, "queue", "", "only calls that were in that `queue`")
	f.StringVar(&filter.Agent, "agent", "", "only calls that rang that `agent`")
	f.StringVar(&filter.Number, "number", "", "only calls from or to a `number` that has this in it")
	f.IntVar(&filter.Limit, "n", 100, "at most so many")
	outcome := f.String("outcome", "", "only calls with that `outcome`")
	if err := f.Parse(args); err != nil {
		return err
	}
	filter.Outcome = calls.Outcome(*outcome)
	if filter.From, filter.To, err = v.times(time.Now()); err != nil {
		return err
	}
	db, err := ledger.Open(ctx, b.Paths.DB, true)
	if err != nil {
		return err
	}
	defer db.Close()
	w := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	for c, err := range db.Calls(ctx, filter) {
		if err != nil {
			return err
		}
		c = v.see(c)
		queue, agent := ledger.Columns(c)
		length := "-"
		if !c.End.IsZero() {
			length = c.End.Sub(c.Start).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s > %s\t%s\t%s\t%s\t%s\n", c.Start.In(v.Zone).Format("2006-01-02 15:04:05"), c.ID, reports.DirectionText(c.Direction).In(v.lang),
			c.Caller.Number, c.Dialled, dash(queue), dash(agent), length, reports.OutcomeText(c.Outcome).In(v.lang))
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (b Box) show(ctx context.Context, f *flag.FlagSet, args []string, stdout io.Writer) error {
	v, err := b.view(f)
	if err != nil {
		return err
	}
	lines := f.Bool("lines", false, "with the lines of the logs that the record was made of")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return fmt.Errorf("records show wants the id of one call")
	}
	db, err := ledger.Open(ctx, b.Paths.DB, true)
	if err != nil {
		return err
	}
	defer db.Close()
	c, err := db.Call(ctx, f.Arg(0))
	if err != nil {
		return err
	}
	enc := json.NewEncoder(stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v.see(c)); err != nil {
		return err
	}
	recorded, err := db.Recordings(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, r := range recorded {
		path := r.Path
		if v.masked {
			path = r.ID
		}
		fmt.Fprintf(stdout, "%s\t%s\t%d\n", path, r.Length.Round(time.Second), r.Bytes)
	}
	if !*lines || v.masked {
		return nil
	}
	facts, err := db.Facts(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, fact := range facts {
		fmt.Fprintf(stdout, "%v\t%s\n", fact.Source, fact.Line)
	}
	return nil
}

// before is how long before a report's time a call may have begun that still
// counts in it.
const before = 24 * time.Hour

func (b Box) report(ctx context.Context, f *flag.FlagSet, args []string, stdout io.Writer) error {
	v, err := b.view(f)
	if err != nil {
		return err
	}
	per := f.String("per", "queue", "`subject`: queue, agent, or sessions, the log of log-ins")
	by := f.String("by", "day", "`period`: hour, day, week, month or whole")
	only := f.String("only", "", "only these `numbers`, with commas between them")
	format := f.String("format", "csv", "`format`: csv, xlsx or json")
	out := f.String("o", "", "write to that `file`")
	if err := f.Parse(args); err != nil {
		return err
	}
	q := reports.Query{By: reports.Period(*by), Zone: v.Zone, ServiceLevel: v.ServiceLevel, Now: time.Now()}
	if q.From, q.To, err = v.times(q.Now); err != nil {
		return err
	}
	if *only != "" {
		q.Only = strings.Split(*only, ",")
	}
	switch q.By {
	case reports.Hour, reports.Day, reports.Week, reports.Month, reports.Whole:
	default:
		return fmt.Errorf("there are no reports by %q: hour, day, week, month or whole", *by)
	}
	db, err := ledger.Open(ctx, b.Paths.DB, true)
	if err != nil {
		return err
	}
	defer db.Close()
	list, events, err := Material(ctx, db, q)
	if err != nil {
		return err
	}
	var r reports.Report
	switch *per {
	case "queue":
		r = reports.Queues(list, events, q)
	case "agent":
		r = reports.Agents(list, events, q)
	case "sessions":
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(reports.Sessions(events, q))
	default:
		return fmt.Errorf("there are no reports per %q: queue, agent or sessions", *per)
	}
	return write(stdout, *out, func(w io.Writer) error {
		switch *format {
		case "csv":
			return r.CSV(w, v.lang)
		case "xlsx":
			return r.XLSX(w, v.lang)
		case "json":
			return json.NewEncoder(w).Encode(r)
		}
		return fmt.Errorf("there is no format %q: csv, xlsx or json", *format)
	})
}

// Material reads what a report is made of.
func Material(ctx context.Context, db *ledger.DB, q reports.Query) ([]calls.Call, []ledger.AgentEvent, error) {
	var list []calls.Call
	for c, err := range db.Calls(ctx, ledger.Filter{From: q.From.Add(-before), To: q.To}) {
		if err != nil {
			return nil, nil, err
		}
		list = append(list, c)
	}
	events, err := db.AgentEvents(ctx, q.To)
	return list, events, err
}

func (b Box) export(ctx context.Context, f *flag.FlagSet, args []string, stdout io.Writer) error {
	v, err := b.view(f)
	if err != nil {
		return err
	}
	format := f.String("format", "csv", "`format`: csv or json")
	out := f.String("o", "", "write to that `file`")
	if err := f.Parse(args); err != nil {
		return err
	}
	var filter ledger.Filter
	if filter.From, filter.To, err = v.times(time.Now()); err != nil {
		return err
	}
	db, err := ledger.Open(ctx, b.Paths.DB, true)
	if err != nil {
		return err
	}
	defer db.Close()
	list := []calls.Call{}
	for c, err := range db.Calls(ctx, filter) {
		if err != nil {
			return err
		}
		list = append(list, v.see(c))
	}
	return write(stdout, *out, func(w io.Writer) error {
		switch *format {
		case "csv":
			return reports.ListCSV(w, list, v.lang, v.Zone)
		case "json":
			return json.NewEncoder(w).Encode(list)
		}
		return fmt.Errorf("there is no format %q: csv or json", *format)
	})
}

// write writes to a file, or to standard output if it has no name.
func write(stdout io.Writer, name string, f func(io.Writer) error) error {
	if name == "" {
		return f(stdout)
	}
	h, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	err = f(h)
	if cerr := h.Close(); err == nil {
		err = cerr
	}
	return err
}
