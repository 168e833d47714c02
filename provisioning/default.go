package provisioning

import (
	"fmt"
	"slices"
	"strconv"

	"switchroom/dahdi"
)

// Ports is what the document has to know of the cards in the box: the numbers
// of the ports that a telephone or a line can be plugged into, counted from 1
// over all cards, as DAHDI counts its channels.
type Ports struct {
	FXS []int // for telephones
	FXO []int // for lines from the exchange
}

// DefaultQueue is the number of the built-in site's queue.
const DefaultQueue = "600"

// firstExtension and port 1 make 1001.
const firstExtension = 1000

// Default is the site of a box that nobody has told anything yet: every port n
// for telephones is the extension 1000+n, the first two of them are members
// of the queue 600, and every line from the exchange leads to that queue.
// Without a card it has a queue without members.
func Default(ports Ports) Site {
	s := Site{Version: Version, Country: "us", Language: "en", TimeZone: "Etc/UTC",
		Extensions: []Extension{}, Lines: []Line{}}
	queue := Queue{Number: DefaultQueue, Name: "Queue", Members: []string{}}
	for _, p := range slices.Sorted(slices.Values(ports.FXS)) {
		number := strconv.Itoa(firstExtension + p)
		s.Extensions = append(s.Extensions, Extension{Number: number, Name: fmt.Sprintf("Phone %d", p), Port: p})
		if len(queue.Members) < 2 {
			queue.Members = append(queue.Members, number)
		}
	}
	for _, p := range slices.Sorted(slices.Values(ports.FXO)) {
		s.Lines = append(s.Lines, Line{Port: p, Queue: DefaultQueue})
	}
	s.Queues = []Queue{queue}
	return s
}

// Unplugged names what the document puts on ports that the box hasn't got: a
// card was pulled or a module of it is missing. That is no fault of the
// document. What it names is left out of the configuration until the port is
// back; everything else works.
func (s Site) Unplugged(ports Ports) []string {
	var out []string
	for _, e := range s.Extensions {
		if !slices.Contains(ports.FXS, e.Port) {
			out = append(out, fmt.Sprintf("extension %s: there is no telephone port %d", e.Number, e.Port))
		}
	}
	for _, l := range s.Lines {
		if !slices.Contains(ports.FXO, l.Port) {
			out = append(out, fmt.Sprintf("line to %s: there is no line port %d", l.Queue, l.Port))
		}
	}
	return out
}

// PortsOf picks the ports that can be used out of what was found in the box.
func PortsOf(inv dahdi.Inventory) Ports {
	return Ports{FXS: inv.Numbers(dahdi.KindFXS), FXO: inv.Numbers(dahdi.KindFXO)}
}
