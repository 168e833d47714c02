// Package dahdiconf makes of the owner's wishes and the cards in the box what
// the drivers get: the parameters that their kernel modules are loaded with
// ([Modules]) and what every port shall be ([Desired]). It is pure: the service
// that loads and configures is on the box.
//
// The signalling of a port follows from its module: a telephone's port (FXS) is
// signalled fxo_ks, a line's (FXO) fxs_ks, an empty place none.
//
// How a telephone and an exchange talk to each other electrically differs by
// country: impedance, the current that keeps a line seized, the voltage of
// ringing. The chips know the countries' rules; the drivers of Digium's analog
// cards take the country's name in the parameter opermode and set them up. It
// holds for all ports of all cards.
//
// How the end of a call, caller id and the like are told by an exchange is
// Asterisk's affair, and stands in room asteriskconf.
package dahdiconf

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchroom/dahdi"
)

// Options is what the owner may wish. The zero value of every member but
// Country is right for most.
type Options struct {
	// Country is where the box stands: ISO 3166, two small letters; one of
	// [Countries].
	Country string
	// Law is how sound is coded between card and Asterisk. LawDefault or empty
	// means mu-law in every country: it isn't heard outside the box, where every
	// line is analog and every trunk agrees on a codec of its own.
	Law dahdi.Companding
	// EchoCanceller is in software, one of DAHDI's; empty means mg2. "none"
	// means none: for tests that compare sound to the bit. A canceller on the
	// card always takes its place.
	EchoCanceller string
	// Gains amplifies ports, by number. Ports that aren't in it stay as they are.
	Gains map[int]dahdi.Gains
}

// NoEchoCanceller is for Options.EchoCanceller.
const NoEchoCanceller = "none"

// opermodes are the names under which the driver knows the countries (the
// table fxo_modes.h that wctdm24xxp, wctdm and wcaxx share).
var opermodes = map[string]string{
	"br": "BRAZIL", "ca": "CANADA", "cn": "CHINA", "de": "GERMANY", "es": "SPAIN", "fr": "FRANCE", "gb": "UK", "in": "INDIA",
	"it": "ITALY", "jp": "JAPAN", "mx": "MEXICO", "nl": "NETHERLANDS", "ru": "RUSSIA", "sg": "SINGAPORE", "tw": "TAIWAN", "us": "FCC",
}

// Countries lists the countries that Options.Country may name, sorted.
func Countries() []string { return slices.Sorted(maps.Keys(opermodes)) }

// analog are the kernel modules that drive analog cards and know opermode. The
// others are loaded without parameters.
var analog = []string{"wctdm24xxp", "wctdm", "wcaxx"}

// Modules gives the parameters of the kernel modules, as on modprobe's command
// line, by the module's name. A module that isn't in it has none.
func Modules(o Options) (map[string]string, error) {
	mode, ok := opermodes[o.Country]
	if !ok {
		return nil, fmt.Errorf("country %q is not one of %s", o.Country, strings.Join(Countries(), ", "))
	}
	// With auto_assign_spans=0, the default of the module in the image, a card
	// has no channels until somebody asks for them.
	params := map[string]string{"dahdi": "auto_assign_spans=1"}
	law := ""
	switch o.Law {
	case "", dahdi.LawDefault:
	case dahdi.LawMu:
		law = " companding=ulaw"
	case dahdi.LawA:
		law = " companding=alaw"
	default:
		return nil, fmt.Errorf("companding %q is neither %q nor %q", o.Law, dahdi.LawMu, dahdi.LawA)
	}
	for _, m := range analog {
		params[m] = "opermode=" + mode
		if m != "wctdm" { // which has no such parameter
			params[m] += law
		}
	}
	return params, nil
}

// EchoModule is the kernel module of the software echo canceller, empty for
// none. It is to be loaded with the card's driver: the driver would ask for it
// itself, but only then.
func EchoModule(o Options) string {
	if name := echoCanceller(o); name != dahdi.EchoNone {
		return "dahdi_echocan_" + name
	}
	return ""
}

func echoCanceller(o Options) string {
	switch o.EchoCanceller {
	case "":
		return dahdi.EchoMG2
	case NoEchoCanceller:
		return dahdi.EchoNone
	}
	return o.EchoCanceller
}

// Desired says what the ports of the inventory shall be: dahdi.Standard, and
// the owner's gains.
func Desired(o Options, inv dahdi.Inventory) (dahdi.Desired, error) {
	zone, err := dahdi.ZoneFor(o.Country)
	if err != nil {
		return dahdi.Desired{}, err
	}
	want := dahdi.Standard(inv, zone.Country, echoCanceller(o))
	for i, p := range want.Ports {
		if g, ok := o.Gains[p.Number]; ok && p.Signalling != dahdi.SigNone {
			want.Ports[i].Gains = &g
		}
	}
	return want, nil
}
