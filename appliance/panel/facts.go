package panel

import (
	"net/netip"
	"time"

	"switchroom/appliance"
	"switchroom/dahdi"
)

// Facts is what there is to show. What is not known is nil or empty, and not
// shown.
type Facts struct {
	Name      string // of the site
	Slot      string // that runs: "a" or "b"
	SetupCode string // while nobody owns the box
	Status    *appliance.Status
	Links     []Link
	Gateway   netip.Addr
	DNS       []netip.Addr
	Inventory *dahdi.Inventory
	Ports     map[int]dahdi.Status // by number
	Floor     *Floor
	Hours     Hours
}

// A Link is an Ethernet port of the box.
type Link struct {
	Name      string
	MAC       string
	Up        bool // it has a cable, and something at the other end
	Addresses []netip.Prefix
}

// A Floor is how busy it is.
type Floor struct {
	Calls   int // conversations
	Waiting int // callers in queues
	Agents  int // logged in
	Paused  int // of these, not taking calls
}

// Hours says which of its hours a box keeps.
type Hours string

// The hours.
const (
	HoursUnknown Hours = ""
	HoursAuto    Hours = "auto" // as the schedule says
	HoursDay     Hours = "day"
	HoursNight   Hours = "night"
)

// address is the one that a person types to reach the box: IPv4 before IPv6,
// and none that is good on the link alone if there is another.
func (f *Facts) address() (netip.Addr, bool) {
	var best netip.Addr
	for _, l := range f.Links {
		for _, p := range l.Addresses {
			if rank(p.Addr()) > rank(best) {
				best = p.Addr()
			}
		}
	}
	return best, best.IsValid()
}

// health is the judgement of the box in a word or two.
type health int

const (
	healthUnknown health = iota
	healthStarting
	healthGood
	healthBad
	healthStopping
)

// startingFor is how long a box is starting rather than ill.
const startingFor = 2 * time.Minute

func (f *Facts) health(now time.Time) health {
	st := f.Status
	switch {
	case st == nil:
		return healthUnknown
	case st.Stopping:
		return healthStopping
	case st.Health.OK:
		return healthGood
	case now.Sub(st.Started) < startingFor:
		return healthStarting
	}
	return healthBad
}
