package provisioning

import (
	"slices"
	"strconv"
	"strings"
)

// What works, but perhaps not as the owner thinks.
const (
	Unplugged       Code = "unplugged"
	NobodyServes    Code = "nobody-serves"
	NoQueue         Code = "no-queue"
	NoPIN           Code = "no-pin"
	SimplePIN       Code = "simple-pin"
	NoEmergency     Code = "no-emergency"
	SlowToDial      Code = "slow-to-dial"
	PromptOneTongue Code = "prompt-one-tongue"
)

// Warnings tells what is no fault of the document, but worth knowing: what
// stands on ports that the box hasn't got, queues that nobody serves, PINs that
// anybody guesses. They are in the form of faults, in the document's order of
// lists.
func (s Site) Warnings(ports Ports) Faults {
	var w Faults
	s.unplugged(ports, &w)
	complete := s.Complete(ports)
	complete.warnPeople(&w)
	complete.warnPINs(&w)
	complete.warnNumbers(&w)
	if len(complete.Lines) == 0 && len(complete.Trunks) == 0 {
		w.add("outbound", NoEmergency)
	}
	for i, p := range s.Prompts {
		if len(p.Files) > 0 {
			continue
		}
		for _, lang := range Languages {
			if p.Text[lang] == "" && s.speaks(lang) {
				w.add(at("prompts", i)+".text", PromptOneTongue, lang)
			}
		}
	}
	return w
}

// speaks reports whether any caller hears the language.
func (s *Site) speaks(language string) bool {
	return s.Language == language || slices.ContainsFunc(s.Inbound, func(r InboundRoute) bool { return r.Language == language }) ||
		slices.ContainsFunc(s.Extensions, func(e Extension) bool { return e.Language == language }) ||
		slices.ContainsFunc(s.IVRs, func(m IVR) bool {
			for _, l := range m.Languages {
				if l == language {
					return true
				}
			}
			return false
		})
}

// Unplugged names, in English, what the document puts on ports that the box
// hasn't got: a card was pulled or a module of it is missing. That is no fault
// of the document. What it names is left out of the configuration until the
// port is back; everything else works.
func (s Site) Unplugged(ports Ports) []string {
	var w Faults
	s.unplugged(ports, &w)
	out := make([]string, len(w))
	for i, f := range w {
		out[i] = f.Text("en")
	}
	return out
}

func (s *Site) unplugged(ports Ports, w *Faults) {
	for i, e := range s.Extensions {
		if e.Port > 0 && !slices.Contains(ports.FXS, e.Port) {
			w.add(at("extensions", i)+".port", Unplugged, word{"extension", "分机"}, e.Number, word{"telephone", "话机"}, e.Port)
		}
	}
	for i, l := range s.Lines {
		if s.IsPBX(l.Port) && !slices.Contains(ports.FXS, l.Port) {
			w.add(at("lines", i)+".port", Unplugged, word{"line", "外线"}, l.Name, word{"telephone", "话机"}, l.Port)
		} else if !s.IsPBX(l.Port) && !slices.Contains(ports.FXO, l.Port) {
			w.add(at("lines", i)+".port", Unplugged, word{"line", "外线"}, l.Name, word{"line", "外线"}, l.Port)
		}
	}
}

func (s *Site) warnPeople(w *Faults) {
	for i := range s.Queues {
		if q := &s.Queues[i]; len(q.Members) == 0 && len(s.QueueMembers(q)) == 0 {
			w.add(at("queues", i), NobodyServes, q.Number)
		}
	}
	for i := range s.Agents {
		a := &s.Agents[i]
		if !slices.ContainsFunc(s.Queues, func(q Queue) bool {
			_, named := a.Queues[q.Number]
			_, able := a.Skills[q.Skill]
			return named || able && q.Skill != ""
		}) {
			w.add(at("agents", i), NoQueue, a.Number)
		}
	}
}

func (s *Site) warnPINs(w *Faults) {
	look := func(path string, pin Secret, number string) {
		if p := pin.Reveal(); p != "" && isSimple(p, number) {
			w.add(path, SimplePIN)
		}
	}
	for i, e := range s.Extensions {
		if e.Voicemail != nil {
			look(at("extensions", i)+".voicemail.pin", e.Voicemail.PIN, e.Number)
		}
	}
	for i, a := range s.Agents {
		if a.PIN == "" {
			w.add(at("agents", i)+".pin", NoPIN, a.Number)
		}
		look(at("agents", i)+".pin", a.PIN, a.Number)
	}
	for i, c := range s.Conferences {
		look(at("conferences", i)+".pin", c.PIN, c.Number)
		look(at("conferences", i)+".hostPin", c.HostPIN, c.Number)
	}
	for i, b := range s.Voicemail.Boxes {
		look(at("voicemail.boxes", i)+".pin", b.PIN, b.Number)
	}
}

// isSimple reports whether a PIN is among the first that anybody would try.
func isSimple(pin, number string) bool {
	const rise = "01234567890"
	fall := "09876543210"
	return strings.Trim(pin, pin[:1]) == "" || strings.Contains(rise, pin) || strings.Contains(fall, pin) ||
		pin == number || strings.Trim(strings.TrimPrefix(pin, number), "0") == "" && strings.HasPrefix(pin, number)
}

// warnNumbers tells numbers that begin with another whole number: whoever dials
// that one on an analog telephone waits until it is clear that no more digits
// come.
func (s *Site) warnNumbers(w *Faults) {
	taken := s.numbers()
	s.eachNumber(func(list string, i int, n string) {
		for k := 2; k < len(n); k++ {
			if taken[n[:k]] {
				w.add(at(list, i)+".number", SlowToDial, n, n[:k])
				return
			}
		}
	})
}

// LookUp tells what the document knows of a caller: the VIP entry, or nil, and
// whether the number is on the blacklist. The number may be written in any
// way; one that is withheld is empty, or "anonymous".
func (s *Site) LookUp(number string) (vip *VIPCaller, blocked bool) {
	plan := s.plan()
	normal := plan.Normalise(number)
	for i := range s.VIP {
		if normal != "" && plan.Normalise(s.VIP[i].Number) == normal {
			vip = &s.VIP[i]
		}
	}
	for _, b := range s.Blacklist {
		if b.Number == Anonymous && normal == "" || normal != "" && plan.Normalise(b.Number) == normal {
			blocked = true
		}
	}
	return vip, blocked
}

// LineDID is the number that callers of a line have dialled, in its normal
// form, as far as the document says: an analog line doesn't tell.
func (s *Site) LineDID(l Line) string { return s.Normalise(l.Number) }

// PortName is what is written beside a port: its name, or its number.
func (s *Site) PortName(port int) string {
	for _, p := range s.Ports {
		if p.Port == port && p.Name != "" {
			return p.Name
		}
	}
	return strconv.Itoa(port)
}
