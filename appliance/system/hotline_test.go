//go:build vm

package system

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"switchroom/dahdi/tdm2400p/control"
	"switchroom/dahdi/tone"
	"switchroom/provisioning/example"
)

// Who sits where in the example site, and the lines that its hotline has.
const (
	wangsDesk, chensDesk, officeDesk, managersDesk = 1, 2, 3, 10
	hotlineLine                                    = 13
)

// TestVMHotline is a day of the example site on telephones and lines: the same
// document as everybody can try, on the card that it was written for. What SIP
// telephones do with it is in package native.
func TestVMHotline(t *testing.T) {
	b := start(t, machine{cards: []string{mixed}, grubenv: allowRescue, second: func(path string) error {
		return writeDisk(path, example.Hotline())
	}})
	b.until("healthy")
	b.logIn()
	b.shell(fmt.Sprintf("dd if=/dev/nvme0n1 of=/tmp/site.json bs=%d count=1", len(example.Hotline())))
	t.Log(b.shell("switchroom site import -now -author test /tmp/site.json"))
	b.everybodyHangsUp()

	b.phone(managersDesk).presses("*281") // day, whatever the clock says
	b.phone(wangsDesk).agentLogsIn("811", "8110")
	b.phone(chensDesk).agentLogsIn("823", "8230")

	for _, s := range []scenario{
		{"a caller reaches an agent by the menu", callerReachesAgent},
		{"the caller has no codes", callerOfAgentHasNoCodes},
		{"the agent gives the caller to a colleague", agentTransfers},
		{"an agent on a private call is not disturbed", agentOnAPrivateCall},
		{"an agent who pauses gets no calls", agentPauses},
		{"nobody is there: the voice mail answers", queueIsEmpty},
		{"the menu leads to the reception", menuToReception},
		{"a caller dials an extension in the menu", directDial},
		{"a call outside", callOutside},
		{"a telephone that may not call outside", callOutsideRefused},
		{"an emergency call from a telephone that may call nobody", emergencyCall},
		{"at night", atNight},
		{"agents are where they were when Asterisk was killed", agentsOutliveAsterisk},
		{"every call is on record", callsAreOnRecord},
	} {
		t.Run(s.name, func(t *testing.T) {
			part := b.in(t)
			part.everybodyHangsUp()
			s.play(part)
		})
	}
}

// presses dials a code, listens for a moment and hangs up.
func (p phone) presses(code string) {
	p.b.Helper()
	p.lifts()
	p.hears(tone.Dial)
	p.dials(code)
	p.b.pass(3000)
	p.hangsUp()
	p.b.pass(gap)
}

// agentLogsIn is what an agent does at a telephone without a screen.
func (p phone) agentLogsIn(number, pin string) {
	p.b.Helper()
	p.lifts()
	p.hears(tone.Dial)
	p.dials("*45")
	p.b.pass(1500)
	p.dials(number + "#")
	p.b.pass(1500)
	p.dials(pin + "#")
	p.b.pass(4000)
	p.hangsUp()
	p.b.pass(gap)
}

// press sends keys from the far end of a line.
func (l line) press(keys string) {
	l.b.Helper()
	l.b.must("presses "+keys, l.Number(), func(ctx context.Context) error {
		return l.Play(ctx, control.PlayArgs{DTMF: keys})
	})
}

// callsTheHotline calls in and chooses in the menu.
func (b *box) callsTheHotline(from, key string) line {
	b.Helper()
	l := b.line(hotlineLine)
	l.callsIn(from, "")
	l.isAnswered()
	b.pass(2000)
	l.press(key)
	return l
}

// isServedBy waits until an agent's telephone rings, and lets the agent talk
// with the caller, who first hears who it is.
func (b *box) isServedBy(caller line, agent phone) {
	b.Helper()
	agent.rings()
	agent.lifts()
	b.pass(8000) // agent, 8 1 1, at your service
	b.talk(caller.Port, agent.Port)
}

func callerReachesAgent(b *box) {
	agent := b.phone(wangsDesk)
	caller := b.callsTheHotline("13700137000", "2")
	agent.rings()
	agent.shows("137****7000", "")
	agent.lifts()
	b.pass(8000)
	b.talk(caller.Port, agent.Port)
	caller.hangsUp()
	agent.isCutOff()
}

func callerOfAgentHasNoCodes(b *box) {
	agent := b.phone(chensDesk) // in turn
	caller := b.callsTheHotline("13700137001", "2")
	b.isServedBy(caller, agent)
	for _, code := range []string{"#1", "#2", "#0", "*8", "#9"} {
		caller.press(code)
		b.pass(2000)
	}
	b.talk(caller.Port, agent.Port)
	agent.hangsUp()
	caller.isReleased()
}

func agentTransfers(b *box) {
	wang, chen := b.phone(wangsDesk), b.phone(chensDesk)
	caller := b.callsTheHotline("13700137002", "2")
	b.isServedBy(caller, wang)
	wang.dials("#1")
	b.pass(3000)
	wang.dials("823")
	chen.rings()
	wang.hangsUp()
	chen.lifts()
	b.pass(8000)
	b.talk(caller.Port, chen.Port)
	caller.hangsUp()
	chen.isCutOff()
}

func agentOnAPrivateCall(b *box) {
	wang, chen, colleague := b.phone(wangsDesk), b.phone(chensDesk), b.phone(officeDesk)
	b.pass(12_000) // wrap-up
	b.connect(wang, colleague)
	caller := b.callsTheHotline("13700137003", "2")
	b.isServedBy(caller, chen)
	b.talk(wang.Port, colleague.Port)
	caller.hangsUp()
}

func agentPauses(b *box) {
	wang, chen := b.phone(wangsDesk), b.phone(chensDesk)
	chen.presses("*461")
	for _, number := range []string{"13700137004", "13700137005"} {
		b.pass(12_000)
		caller := b.callsTheHotline(number, "2")
		b.isServedBy(caller, wang)
		caller.hangsUp()
		wang.isCutOff()
		wang.hangsUp()
		b.pass(gap)
	}
	chen.presses("*46")
}

func queueIsEmpty(b *box) {
	wang, chen := b.phone(wangsDesk), b.phone(chensDesk)
	wang.presses("*461")
	chen.presses("*461")
	caller := b.callsTheHotline("13700137006", "2")
	b.pass(8000) // the greeting
	b.hearsSound(caller)
	caller.hangsUp()
	b.pass(gap)
	wang.presses("*46")
	chen.presses("*46")
}

// hearsSound checks that a caller is not left in silence: something is to be heard
// within fifteen seconds.
func (b *box) hearsSound(l line) {
	b.Helper()
	ctx, cancel := b.limit()
	defer cancel()
	heard, err := l.Listen(ctx, 15_000)
	if err != nil {
		b.Fatal(err)
	}
	if level := tone.Level(heard.Samples()); level < -45 {
		b.Errorf("line %d hears %.1f dBm0 for fifteen seconds: nothing", l.Number(), level)
	}
}

func menuToReception(b *box) {
	reception, other := b.phone(9), b.phone(8)
	caller := b.callsTheHotline("13700137007", "0")
	answers := b.firstToRing(reception, other)
	answers.lifts()
	b.pass(1000)
	b.talk(caller.Port, answers.Port)
	caller.hangsUp()
	answers.isCutOff()
}

func directDial(b *box) {
	phone := b.phone(11)
	caller := b.callsTheHotline("13700137008", "1011")
	phone.rings()
	phone.lifts()
	b.pass(1000)
	b.talk(caller.Port, phone.Port)
	phone.hangsUp()
	caller.isReleased()
}

// goesOut waits until one of the lines for outgoing calls is taken and has
// been told a number.
func (b *box) goesOut(number string) line {
	b.Helper()
	l := b.line(24) // the office's last, so that calls from outside find the first
	l.isAnswered()  // off the hook
	b.must("should be told "+number, l.Number(), func(ctx context.Context) error {
		for told := ""; told != number; {
			e, err := l.Wait(ctx, "dtmf", nil, someday)
			if err != nil {
				return err
			}
			digit, _ := e.Data["digit"].(string)
			told += digit
		}
		return nil
	})
	return l
}

func callOutside(b *box) {
	manager := b.phone(managersDesk)
	manager.lifts()
	manager.hears(tone.Dial)
	manager.dials("913900139000")
	l := b.goesOut("13900139000")
	b.pass(2000)
	b.talk(manager.Port, l.Port)
	manager.hangsUp()
	l.isReleased()
}

func callOutsideRefused(b *box) {
	phone := b.phone(officeDesk)
	phone.lifts()
	phone.hears(tone.Dial)
	phone.dials("913900139000")
	b.pass(5000)
	ctx, cancel := b.limit()
	defer cancel()
	for n := 13; n <= 24; n++ {
		state, err := b.line(n).State(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if state.Line.Seized {
			b.Errorf("line %d was taken", n)
		}
	}
}

func emergencyCall(b *box) {
	phone := b.phone(officeDesk)
	phone.lifts()
	phone.hears(tone.Dial)
	phone.dials("110")
	l := b.goesOut("110")
	b.pass(2000)
	b.talk(phone.Port, l.Port)
	phone.hangsUp()
	l.isReleased()
}

func atNight(b *box) {
	b.phone(managersDesk).presses("*281")
	wang, chen := b.phone(wangsDesk), b.phone(chensDesk)
	caller := b.callsTheHotline("13700137009", "2")
	b.hearsSound(caller)
	b.pass(10_000)
	for _, p := range []phone{wang, chen} {
		if p.hasRung() {
			b.Errorf("the telephone on port %d rang at night", p.Number())
		}
	}
	caller.hangsUp()
	b.pass(gap)
	b.phone(managersDesk).presses("*281") // by the clock
	b.phone(managersDesk).presses("*281") // day
}

// hasRung reports whether the telephone rang since the scenario began.
func (p phone) hasRung() bool {
	p.b.Helper()
	ctx, cancel := p.b.limit()
	defer cancel()
	events, err := p.Events(ctx, p.b.began)
	if err != nil {
		p.b.Fatal(err)
	}
	for _, e := range events {
		if e.Name == "ring" {
			return true
		}
	}
	return false
}

func agentsOutliveAsterisk(b *box) {
	b.fromNow()
	b.shell("kill -9 $(cat /run/asterisk/asterisk.pid)")
	b.ready()
	b.pass(gap)
	wang, chen := b.phone(wangsDesk), b.phone(chensDesk)
	caller := b.callsTheHotline("13700137010", "2")
	agent := b.firstToRing(wang, chen)
	agent.lifts()
	b.pass(8000)
	b.talk(caller.Port, agent.Port)
	caller.hangsUp()
	agent.isCutOff()
}

func callsAreOnRecord(b *box) {
	list := b.shell("switchroom records list")
	for n := range 11 {
		number := fmt.Sprintf("137001370%02d", n)
		if !strings.Contains(list, number) && !strings.Contains(list, "137****70"+number[9:]) {
			b.Errorf("no record of the call of %s:\n%s", number, list)
		}
	}
}
