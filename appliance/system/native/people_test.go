//go:build native

package native_test

import (
	"fmt"
	"strings"

	"switchroom/appliance/system/native/lab"
	"switchroom/dahdi/tone"
)

// person is somebody with a telephone. What a person does or waits for either happens or ends the
// test, so that a scenario reads as a story.
type person struct {
	r        *room
	name     string
	number   string
	phone    *lab.Phone
	voice    lab.Tone
	language string // that is expected to be spoken to this person: the folder of its prompts
	outside  bool

	call  *lab.Call   // the call that the person is in, or the last one
	other []*lab.Call // calls put aside
	at    int         // up to where the person has listened
}

func (p *person) step(format string, args ...any) {
	p.r.t.Helper()
	p.r.note(p.name + " " + fmt.Sprintf(format, args...))
}

func (p *person) must(err error) {
	p.r.t.Helper()
	if err != nil {
		p.r.t.Fatalf("%s: %v", p.name, err)
	}
}

// begin makes a call the current one.
func (p *person) begin(c *lab.Call) *person {
	p.call, p.at = c, 0
	return p
}

// calls dials a number.
func (p *person) calls(number string) *person {
	p.r.t.Helper()
	p.step("calls %s", number)
	o := lab.CallOptions{Voice: float64(p.voice)}
	if p.outside {
		o.From = p.number
	}
	c, err := p.phone.Call(p.r.ctx, number, o)
	p.must(err)
	return p.begin(c)
}

// callsAs dials a number and says to be somebody else.
func (p *person) callsAs(number, from, name string) *person {
	p.r.t.Helper()
	p.step("calls %s as %q <%s>", number, name, from)
	c, err := p.phone.Call(p.r.ctx, number, lab.CallOptions{From: from, Name: name, Voice: float64(p.voice)})
	p.must(err)
	return p.begin(c)
}

// rings waits for the person's telephone to ring.
func (p *person) rings() *person {
	p.r.t.Helper()
	c, err := p.phone.Incoming(p.r.ctx, p.mine)
	p.must(err)
	c.SetVoice(float64(p.voice))
	p.step("hears the telephone: %s %q calls", c.From(), c.FromName())
	return p.begin(c)
}

// mine says whether a call is for this person: outside, many share the carrier.
func (p *person) mine(c *lab.Call) bool { return !p.outside || c.Number() == p.number }

// isNotRung says that no call has come that the person did not take.
func (p *person) isNotRung() *person {
	p.r.t.Helper()
	if n := p.phone.Pending(p.mine); n > 0 {
		p.r.t.Fatalf("the telephone of %s rang %d times", p.name, n)
	}
	return p
}

// isShown says what the telephone shows of who calls.
func (p *person) isShown(number string) *person {
	p.r.t.Helper()
	if p.call.From() != number {
		p.r.t.Errorf("%s is shown %q, want %q", p.name, p.call.From(), number)
	}
	return p
}

// answers takes the call that rings.
func (p *person) answers() *person {
	p.r.t.Helper()
	p.step("answers")
	p.must(p.call.Answer(p.r.ctx))
	return p
}

// refuses rejects the call that rings.
func (p *person) refuses() *person {
	p.r.t.Helper()
	p.step("refuses")
	p.must(p.call.Reject(486))
	return p
}

// isAnswered waits until the person's call is answered.
func (p *person) isAnswered() *person {
	p.r.t.Helper()
	p.must(p.call.AwaitAnswer(p.r.ctx))
	p.step("is answered")
	return p
}

// waitsForRinging waits until the called telephone rings.
func (p *person) waitsForRinging() *person {
	p.r.t.Helper()
	p.must(p.call.AwaitRinging(p.r.ctx))
	p.step("hears that it rings")
	return p
}

// hangsUp ends the person's call.
func (p *person) hangsUp() *person {
	p.r.t.Helper()
	p.step("hangs up")
	p.must(p.call.Hangup(p.r.ctx))
	return p
}

// isCut waits until the other side has ended the call, or never took it.
func (p *person) isCut() *person {
	p.r.t.Helper()
	status, err := p.call.AwaitEnd(p.r.ctx)
	p.must(err)
	_, _, why := p.call.Status()
	p.step("is cut off (%d: %s)", status, why)
	return p
}

// isRefused waits until the call has been refused with one of some SIP statuses.
func (p *person) isRefused(statuses ...int) *person {
	p.r.t.Helper()
	status, err := p.call.AwaitEnd(p.r.ctx)
	p.must(err)
	p.step("is refused (%d)", status)
	for _, s := range statuses {
		if s == status {
			return p
		}
	}
	p.r.t.Fatalf("%s is refused with %d, want %v", p.name, status, statuses)
	return p
}

// stillTalks says that the person's call has not ended.
func (p *person) stillTalks() *person {
	p.r.t.Helper()
	if _, over, why := p.call.Status(); over {
		p.r.t.Fatalf("the call of %s is over: %s", p.name, why)
	}
	return p
}

// presses presses keys.
func (p *person) presses(keys string) *person {
	p.r.t.Helper()
	p.step("presses %s", keys)
	p.must(p.call.Press(p.r.ctx, keys))
	return p
}

// prompts are the prompts of some names in the person's language.
func (p *person) prompts(names []string) []lab.Sound {
	p.r.t.Helper()
	var out []lab.Sound
	for _, n := range names {
		out = append(out, p.r.prompt(p.language, n))
	}
	return out
}

// hears waits until prompts were played, one after the other.
func (p *person) hears(names ...string) *person {
	p.r.t.Helper()
	for _, s := range p.prompts(names) {
		_, at, err := p.call.Ear().Await(p.r.ctx, p.at, s)
		p.must(err)
		p.step("hears %s, %d ms into the call's sound", s, at/tone.PerMS)
		p.at = at + s.Length()
	}
	return p
}

// hearsAgent waits until the number of an agent was said, digit by digit, and checks that nothing
// of the agent's voice was heard before it was over.
func (p *person) hearsAgent(agent *person, number string) *person {
	p.r.t.Helper()
	from := p.at
	var names []string
	for _, d := range number {
		names = append(names, "switchroom/digit/"+string(d))
	}
	p.hears(names...)
	if at, early := p.call.Ear().Find(from, p.at, agent.voice); early {
		p.r.t.Errorf("%s heard the voice of %s %d ms before the number was over", p.name, agent.name, (p.at-from-at)/tone.PerMS)
	}
	return p
}

// hearsSound waits for a sound that is no prompt.
func (p *person) hearsSound(s lab.Sound) *person {
	p.r.t.Helper()
	_, at, err := p.call.Ear().Await(p.r.ctx, p.at, s)
	p.must(err)
	p.step("hears %s", s)
	p.at = at + s.Length()
	return p
}

// hearsTone waits for one of the country's tones.
func (p *person) hearsTone(name tone.Name) *person {
	p.r.t.Helper()
	zone, err := tone.ZoneOf(p.r.site.Country)
	p.must(err)
	return p.hearsSound(lab.Progress{Zone: zone, Name: name})
}

// hearsMusic waits for the music of the site.
func (p *person) hearsMusic() *person {
	p.r.t.Helper()
	return p.hearsSound(music)
}

// hearsVoice waits until the person hears somebody, in what comes from now on.
func (p *person) hearsVoice(q *person) *person {
	p.r.t.Helper()
	p.at = p.call.Ear().Now()
	_, at, err := p.call.Ear().Await(p.r.ctx, p.at, q.voice)
	if err != nil {
		p.r.t.Fatalf("%s does not hear %s: %v", p.name, q.name, err)
	}
	p.step("hears %s", q.name)
	p.at = at + q.voice.Length()
	return p
}

// hearsNot listens for a while, in which nothing of somebody must be heard. A telephone to which
// nothing is sent hears nothing.
func (p *person) hearsNot(q *person) *person {
	p.r.t.Helper()
	from := p.call.Ear().Now()
	p.must(p.call.Pass(p.r.ctx, 600))
	if _, heard := p.call.Ear().Find(from, -1, q.voice); heard {
		p.r.t.Errorf("%s hears %s", p.name, q.name)
	}
	p.step("does not hear %s", q.name)
	return p
}

// talk waits until all of them hear each other, in what comes from now on.
func talk(all ...*person) {
	t := all[0].r.t
	t.Helper()
	for _, p := range all {
		p.at = p.call.Ear().Now()
	}
	for _, p := range all {
		for _, q := range all {
			if p == q {
				continue
			}
			if _, _, err := p.call.Ear().Await(p.r.ctx, p.at, q.voice); err != nil {
				t.Fatalf("%s does not hear %s: %v", p.name, q.name, err)
			}
		}
	}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.name
	}
	all[0].r.note(strings.Join(names, " and ") + " hear each other")
}

// holds puts the other side on hold.
func (p *person) holds() *person {
	p.r.t.Helper()
	p.step("holds the call")
	p.must(p.call.Hold(p.r.ctx, true))
	return p
}

// resumes takes the other side off hold.
func (p *person) resumes() *person {
	p.r.t.Helper()
	p.step("takes the call off hold")
	p.must(p.call.Hold(p.r.ctx, false))
	return p
}

// transfers gives the other side to a number, by the telephone's own key, and hangs up when told
// that it is done, as telephones do.
func (p *person) transfers(number string) *person {
	p.r.t.Helper()
	p.step("transfers the call to %s", number)
	p.must(p.call.Transfer(p.r.ctx, number))
	status, err := p.call.AwaitTransfer(p.r.ctx)
	p.must(err)
	if !strings.HasPrefix(status, "200") {
		p.r.t.Fatalf("the transfer of %s ended with %s", p.name, status)
	}
	p.must(p.call.Hangup(p.r.ctx))
	return p
}

// putsAside holds the current call aside, to make or take another.
func (p *person) putsAside() *person {
	p.r.t.Helper()
	p.holds()
	p.other = append(p.other, p.call)
	return p
}

// joins connects the call that was put aside with the current one, and leaves both.
func (p *person) joins() *person {
	p.r.t.Helper()
	p.step("connects both calls")
	first := p.other[len(p.other)-1]
	p.other = p.other[:len(p.other)-1]
	p.must(first.TransferTo(p.r.ctx, p.call))
	status, err := first.AwaitTransfer(p.r.ctx)
	p.must(err)
	if !strings.HasPrefix(status, "200") {
		p.r.t.Fatalf("the transfer of %s ended with %s", p.name, status)
	}
	return p
}
