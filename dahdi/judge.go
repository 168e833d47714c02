package dahdi

import (
	"cmp"
	"fmt"
	"slices"
)

// portsPerModule is how many ports a module of a TDM2400P has.
const portsPerModule = 4

// severity orders the states, the worst last: the inventory has that of its
// worst problem.
var severity = []State{StateOK, StateLine, StateModule, StateEmpty, StateNoCard, StateNoDriver, StateFault}

// judge finds what is wrong and says it, with what to do. Problems of other
// kinds that were there already are kept.
func (inv *Inventory) judge() {
	kept := slices.DeleteFunc(inv.Problems, func(p Problem) bool { return p.State != StateFault })
	inv.Problems = append([]Problem(nil), kept...)
	if len(inv.Cards) == 0 {
		inv.add(Problem{State: StateNoCard, Text: "There is no telephone card in this machine.",
			Advice: "Telephones and trunks by SIP work. If there should be a card, switch the machine off, seat it in another PCI slot and start again."})
	}
	for _, c := range inv.Cards {
		inv.judgeCard(c)
	}
	inv.State = StateOK
	for _, p := range inv.Problems {
		if slices.Index(severity, p.State) > slices.Index(severity, inv.State) {
			inv.State = p.State
		}
	}
}

// Fault adds a failure of ours, such as one of [Apply], to the problems.
func (inv *Inventory) Fault(err error) {
	inv.Problems = append(inv.Problems, Problem{State: StateFault, Text: err.Error(),
		Advice: "Restart the service; if it stays, send its log to your supplier."})
	inv.State = StateFault
}

func (inv *Inventory) add(p Problem) { inv.Problems = append(inv.Problems, p) }

func (inv *Inventory) judgeCard(c Card) {
	name := fmt.Sprintf("%s at %s", c.Model, cmp.Or(c.Location, c.ID))
	switch {
	case len(c.Spans) == 0 && c.Driver == "":
		inv.add(Problem{State: StateNoDriver, Card: c.ID, Text: name + " has no driver.",
			Advice: "This firmware has no driver for this card, or the driver refused to load: the kernel's log says why. Everything else works."})
		return
	case len(c.Spans) == 0:
		inv.add(Problem{State: StateNoDriver, Card: c.ID, Text: fmt.Sprintf("The driver %s did not get %s going.", c.Driver, name),
			Advice: "Check that the card's power plug (the same as a hard disk's) is connected, then switch the machine off and on."})
		return
	}
	ports := c.Ports()
	if !slices.ContainsFunc(ports, func(p Port) bool { return p.Kind != KindNone }) {
		inv.add(Problem{State: StateEmpty, Card: c.ID, Text: name + " has no module that answers.",
			Advice: "Switch the machine off. Check that modules (S400M green for telephones, X400M red for lines) sit firmly in the card and that its power plug is connected."})
		return
	}
	inv.judgeModules(c, ports)
	for _, p := range ports {
		if p.Kind == KindFXO && slices.Contains(p.Alarms, AlarmRed) {
			inv.add(Problem{State: StateLine, Card: c.ID, Port: p.Number, Text: fmt.Sprintf("There is no line on port %d: no voltage.", p.Number),
				Advice: "Check the cable from port to exchange with a telephone: without a dial tone there, the exchange's side is at fault. A port without a line does no harm."})
		}
	}
}

// judgeModules looks for modules of which a part doesn't answer, on cards whose
// modules have four ports. A place where nothing answers is an empty place.
func (inv *Inventory) judgeModules(c Card, ports []Port) {
	if len(ports)%portsPerModule != 0 || !slices.Contains([]string{"d161:2400", "d161:8003"}, c.PCI) {
		return
	}
	for i := 0; i < len(ports); i += portsPerModule {
		module := ports[i : i+portsPerModule]
		var dead, alive []int
		for _, p := range module {
			if p.Kind == KindNone {
				dead = append(dead, p.Number)
			} else {
				alive = append(alive, p.Number)
			}
		}
		if len(dead) == 0 || len(alive) == 0 {
			continue
		}
		inv.add(Problem{State: StateModule, Card: c.ID, Port: dead[0],
			Text:   fmt.Sprintf("The module for ports %d to %d answers only in part: %s missing.", module[0].Number, module[len(module)-1].Number, portList(dead)),
			Advice: "Switch the machine off, take the module out and press it in again. If the same ports are missing afterwards the module is broken; the others go on working."})
	}
}

func portList(numbers []int) string {
	s := "port"
	if len(numbers) > 1 {
		s = "ports"
	}
	for i, n := range numbers {
		switch {
		case i == 0:
			s += " "
		case i == len(numbers)-1:
			s += " and "
		default:
			s += ", "
		}
		s += fmt.Sprint(n)
	}
	if len(numbers) > 1 {
		return s + " are"
	}
	return s + " is"
}
