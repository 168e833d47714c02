package dahdi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Desired is what the owner wants of the driver.
type Desired struct {
	// Zone is the country whose tones and ring cadence the driver uses, see
	// [Countries]. Empty leaves it as it is.
	Zone string `json:"zone"`
	// Ports lists what each port shall be. One that isn't listed stays as it is.
	Ports []PortConfig `json:"ports"`
}

// PortConfig is what one port shall be.
type PortConfig struct {
	Number        int        `json:"number"`
	Signalling    Signalling `json:"signalling"`
	Law           Companding `json:"law,omitempty"`           // empty or LawDefault: the card's own, the only right one on a TDM2400P
	EchoCanceller string     `json:"echoCanceller,omitempty"` // in lower case; empty for none
	// Gains are set if they are given. They don't last, see [Gains].
	Gains *Gains `json:"gains,omitempty"`
}

// Standard is what the ports of an inventory are as a rule: kewlstart by their
// kind, with one echo canceller (EchoNone for none) and the tones of a country.
// Ports that are neither for telephones nor for lines are left alone: they belong
// to a digital card that somebody configured.
func Standard(inv Inventory, country, echo string) Desired {
	want := Desired{Zone: country, Ports: []PortConfig{}}
	for _, p := range inv.Ports() {
		if p.Kind == KindOther {
			continue
		}
		c := PortConfig{Number: p.Number, Signalling: SignallingFor(p.Kind)}
		if c.Signalling != SigNone {
			c.EchoCanceller = echo
		}
		want.Ports = append(want.Ports, c)
	}
	return want
}

// Change is one thing that Apply did.
type Change struct {
	Port int    `json:"port,omitempty"` // 0: for all of them
	Text string `json:"text"`
}

// String is the change as a person reads it.
func (c Change) String() string {
	if c.Port == 0 {
		return c.Text
	}
	return fmt.Sprintf("port %d: %s", c.Port, c.Text)
}

// Apply brings the driver to what is wanted and says what it had to change:
// nothing the second time. What fails on one port keeps no other port from
// being configured; the error joins all failures. It does not start anything
// new once the context is done.
func Apply(ctx context.Context, drv Driver, want Desired) ([]Change, error) {
	a := applier{drv: drv}
	if err := a.zone(want.Zone); err != nil {
		a.errs = append(a.errs, err)
	}
	for _, p := range want.Ports {
		if err := ctx.Err(); err != nil {
			a.errs = append(a.errs, fmt.Errorf("configuring ports, before port %d: %w", p.Number, err))
			break
		}
		if err := a.port(p); err != nil {
			a.errs = append(a.errs, fmt.Errorf("configuring port %d: %w", p.Number, err))
		}
	}
	return a.changes, errors.Join(a.errs...)
}

type applier struct {
	drv     Driver
	changes []Change
	errs    []error
}

func (a *applier) did(port int, format string, args ...any) {
	a.changes = append(a.changes, Change{port, fmt.Sprintf(format, args...)})
}

func (a *applier) zone(country string) error {
	if country == "" {
		return nil
	}
	z, err := ZoneFor(country)
	if err != nil {
		return err
	}
	number, loaded, err := a.drv.DefaultZone()
	if err != nil {
		return fmt.Errorf("asking for the default tone zone: %w", err)
	}
	if loaded && number == z.Number {
		return nil
	}
	if err := a.drv.LoadZone(z); err != nil {
		return fmt.Errorf("loading the tone zone %s: %w", z.Country, err)
	}
	if err := a.drv.SetDefaultZone(z.Number); err != nil {
		return fmt.Errorf("making %s the default tone zone: %w", z.Country, err)
	}
	a.did(0, "tone zone %s (%s)", z.Country, z.Name)
	return nil
}

func (a *applier) port(want PortConfig) error {
	now, err := a.drv.Params(want.Number)
	if err != nil {
		return err
	}
	if want.Signalling != SigNone && !slices.Contains(now.Can, want.Signalling) {
		return fmt.Errorf("%s on a port that is %s: %w", want.Signalling, KindOf(now.Can), ErrNotPossible)
	}
	law := want.Law
	if law == "" {
		law = LawDefault
	}
	if now.Signalling != want.Signalling || law != LawDefault && law != now.Law {
		if err := a.drv.SetSignalling(want.Number, want.Signalling, law); err != nil {
			return fmt.Errorf("setting signalling %s: %w", want.Signalling, err)
		}
		a.did(want.Number, "signalling %s → %s", now.Signalling, want.Signalling)
	}
	if want.Signalling == SigNone {
		return nil // no audio: nothing below has a meaning
	}
	if err := a.echo(want); err != nil {
		return err
	}
	if want.Gains == nil {
		return nil
	}
	return a.gains(want.Number, now.Law, *want.Gains)
}

func (a *applier) echo(want PortConfig) error {
	now, err := a.drv.EchoCanceller(want.Number)
	if err != nil {
		return fmt.Errorf("asking for the echo canceller: %w", err)
	}
	name := strings.ToLower(want.EchoCanceller)
	// The canceller on the card takes the place of any in software; the driver
	// says so by the name it gives.
	if now == name || now == EchoHardware && name != EchoNone {
		return nil
	}
	if err := a.drv.AttachEchoCanceller(want.Number, name); err != nil {
		return fmt.Errorf("attaching echo canceller %q: %w", name, err)
	}
	a.did(want.Number, "echo canceller %s → %s", orNone(now), orNone(name))
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (a *applier) gains(port int, law Companding, want Gains) error {
	rx, err := NewGainTable(law, want.RX)
	if err != nil {
		return err
	}
	tx, err := NewGainTable(law, want.TX)
	if err != nil {
		return err
	}
	nowRX, nowTX, err := a.drv.GainTables(port)
	if err != nil {
		return fmt.Errorf("asking for gains: %w", err)
	}
	if rx == nowRX && tx == nowTX {
		return nil
	}
	if err := a.drv.SetGainTables(port, rx, tx); err != nil {
		return fmt.Errorf("setting gains: %w", err)
	}
	a.did(port, "gains in %+.1f dB, out %+.1f dB", want.RX, want.TX)
	return nil
}
