package panel

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"switchroom/appliance"
	"switchroom/dahdi"
)

// Sources is where the facts come from. Those that are nil give none.
type Sources struct {
	Name    func() string // of the site
	Status  func(context.Context) (appliance.Status, error)
	Network func() (links []Link, routes Routes, err error)
	Slot    string
	// PortsSocket is where the service of the cards tells of its ports.
	PortsSocket string

	Claim Claim
	Floor FloorSource
}

// Claim knows the code by which a box without an owner is claimed.
type Claim interface {
	SetupCode() (code string, unclaimed bool)
}

// FloorSource knows how busy it is, and by which hours the box goes.
type FloorSource interface {
	Floor(context.Context) (Floor, Hours, error)
}

const (
	// lookEvery is how often the sources are asked that don't tell by themselves.
	lookEvery = 3 * time.Second
	// lookLimit is how long they may take together.
	lookLimit = 2 * time.Second
	// again is how long after the ports' service is gone it is tried again.
	again = 2 * time.Second
)

// A watcher keeps the facts. Its methods may be called by several goroutines.
type watcher struct {
	src Sources
	log *slog.Logger

	mu      sync.Mutex
	facts   Facts
	told    map[string]string // what each source last failed with
	changed map[chan<- struct{}]bool
}

func newWatcher(src Sources, log *slog.Logger) *watcher {
	w := &watcher{src: src, log: log, told: map[string]string{}, changed: map[chan<- struct{}]bool{}}
	w.facts = Facts{Name: "Switchroom", Slot: src.Slot}
	return w
}

// now gives the facts. What they point to is never changed.
func (w *watcher) now() Facts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.facts
}

// subscribe has a channel with room for one told of changes, until the function
// is called.
func (w *watcher) subscribe(c chan<- struct{}) (unsubscribe func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed[c] = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.changed, c)
	}
}

// set changes the facts.
func (w *watcher) set(change func(*Facts)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.facts)
	for c := range w.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// complain logs why a source gives nothing, once for each reason.
func (w *watcher) complain(source string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if w.told[source] == text {
		return
	}
	w.told[source] = text
	if err != nil {
		w.log.Warn("not shown", "what", source, "err", err)
	} else {
		w.log.Info("shown again", "what", source)
	}
}

// run asks and listens until the context ends.
func (w *watcher) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	if w.src.PortsSocket != "" {
		wg.Go(func() { w.followPorts(ctx) })
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *watcher) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	f := w.now()
	if w.src.Name != nil {
		if name := w.src.Name(); name != "" {
			f.Name = name
		}
	}
	if w.src.Status != nil {
		st, err := w.src.Status(ctx)
		w.complain("status", err)
		f.Status = nil
		if err == nil {
			f.Status = &st
		}
	}
	if w.src.Network != nil {
		links, routes, err := w.src.Network()
		w.complain("network", err)
		f.Links, f.Gateway, f.DNS = links, routes.Gateway, routes.DNS
	}
	if w.src.Claim != nil {
		code, unclaimed := w.src.Claim.SetupCode()
		f.SetupCode = ""
		if unclaimed {
			f.SetupCode = code
		}
	}
	if w.src.Floor != nil {
		floor, hours, err := w.src.Floor.Floor(ctx)
		w.complain("calls", err)
		f.Floor, f.Hours = nil, hours
		if err == nil {
			f.Floor = &floor
		}
	}
	w.set(func(now *Facts) {
		f.Inventory, f.Ports = now.Inventory, now.Ports
		*now = f
	})
}

// portsMessage is a line of the ports' service: one of its members is there.
type portsMessage struct {
	Inventory *dahdi.Inventory `json:"inventory"`
	Ports     []dahdi.Status   `json:"ports"`
	Event     *dahdi.Event     `json:"event"`
}

// followPorts listens to the service of the cards, and again when it is gone.
func (w *watcher) followPorts(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", w.src.PortsSocket)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			err = w.readPorts(conn)
			stop()
			conn.Close()
			w.set(func(f *Facts) { f.Inventory, f.Ports = nil, nil })
			w.log.Debug("the ports' service is gone", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

func (w *watcher) readPorts(r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var m portsMessage
		if err := dec.Decode(&m); err != nil {
			return fmt.Errorf("hearing of ports: %w", err)
		}
		w.set(func(f *Facts) {
			switch {
			case m.Inventory != nil:
				f.Inventory = m.Inventory
			case m.Ports != nil:
				f.Ports = map[int]dahdi.Status{}
				for _, p := range m.Ports {
					f.Ports[p.Port] = p
				}
			case m.Event != nil:
				// What was handed out stays as it was.
				f.Ports = maps.Clone(f.Ports)
				if f.Ports == nil {
					f.Ports = map[int]dahdi.Status{}
				}
				f.Ports[m.Event.Status.Port] = m.Event.Status
			}
		})
	}
}

// readSlot gives the slot that the initramfs says it has started, from the file
// it leaves: NAME=value, a line each.
func readSlot(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "" // a box that was started otherwise
	}
	for line := range strings.Lines(string(b)) {
		if slot, ok := strings.CutPrefix(strings.TrimSpace(line), "SLOT="); ok && slices.Contains([]string{"a", "b"}, slot) {
			return slot
		}
	}
	return ""
}
