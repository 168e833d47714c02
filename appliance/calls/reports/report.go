package reports

import (
	"fmt"
	"strconv"
	"time"
)

// Text is in both languages.
type Text struct {
	En string `json:"en"`
	Zh string `json:"zh"`
}

// In returns the text in a language; English unless it is Chinese.
func (t Text) In(language string) string {
	if len(language) >= 2 && language[:2] == "zh" {
		return t.Zh
	}
	return t.En
}

// Unit is what a figure counts.
type Unit string

// Units.
const (
	Count   Unit = "count"
	Seconds Unit = "seconds"
	Ratio   Unit = "ratio"  // 0 to 1
	Number  Unit = "number" // any
)

// Column is one figure.
type Column struct {
	Key     string `json:"key"`
	Title   Text   `json:"title"`
	Formula Text   `json:"formula"`
	Unit    Unit   `json:"unit"`
}

// Value is a figure's value; nil where it is not defined, such as an average
// over no calls.
type Value = *float64

// Row is one subject in one period.
type Row struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Period  string    `json:"period"`  // the period's name
	Subject string    `json:"subject"` // number of the queue or of the agent
	Values  []Value   `json:"values"`  // one for each column
}

// Report is a table.
type Report struct {
	Title   Text     `json:"title"`
	Subject Text     `json:"subject"` // what rows are about
	By      Period   `json:"by"`
	Zone    string   `json:"timeZone"`
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"rows"`
}

// Get returns a figure of a row by its column's key.
func (r Report) Get(row int, key string) (Value, error) {
	for i, c := range r.Columns {
		if c.Key == key {
			return r.Rows[row].Values[i], nil
		}
	}
	return nil, fmt.Errorf("there is no column %q", key)
}

// Query says what a report is to be about.
type Query struct {
	From, To time.Time // from From on, and before To
	By       Period
	Zone     *time.Location
	// Only these queues or agents; none: all that occur.
	Only []string
	// ServiceLevel is the wait within which callers should be answered, by queue;
	// DefaultServiceLevel where there is none: 20 s unless set.
	ServiceLevel        map[string]time.Duration // by queue
	DefaultServiceLevel time.Duration
	// ShortAbandon is up to which wait an abandoned call counts as given up
	// before anybody could be expected to answer: 5 s unless set.
	ShortAbandon time.Duration
	// Now ends what has not ended.
	Now time.Time
}

func (q Query) zone() *time.Location {
	if q.Zone == nil {
		return time.UTC
	}
	return q.Zone
}

func (q Query) serviceLevel(queue string) time.Duration {
	if d, ok := q.ServiceLevel[queue]; ok && d > 0 {
		return d
	}
	if q.DefaultServiceLevel > 0 {
		return q.DefaultServiceLevel
	}
	return 20 * time.Second
}

func (q Query) shortAbandon() time.Duration {
	if q.ShortAbandon > 0 {
		return q.ShortAbandon
	}
	return 5 * time.Second
}

func itoa(n int) string { return strconv.Itoa(n) }

func pad(n int) string { return fmt.Sprintf("%02d", n) }

// ratio is a/b, undefined if b is 0.
func ratio(a, b float64) Value {
	if b == 0 {
		return nil
	}
	v := a / b
	return &v
}

func value(f float64) Value { return &f }

func count(n int) Value { return value(float64(n)) }

func seconds(d time.Duration) Value { return value(d.Seconds()) }
