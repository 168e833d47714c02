//go:build vm

package system

import (
	"context"
	"strconv"
	"testing"

	"switchroom/dahdi/tdm2400p/control"
	"switchroom/dahdi/tone"
	"switchroom/image/qemu"
)

// The cards of the machines that calls are made on.
const (
	allPhones = "fxs:1-24"
	mixed     = "fxs:1-12,fxo:13-24"
)

func TestVMCallsUnderBIOS(t *testing.T) {
	t.Run("24 telephones", func(t *testing.T) {
		play(t, start(t, machine{firmware: qemu.BIOS, cards: []string{allPhones}}), append(firstCalls(),
			scenario{"the caller gives up", callerGivesUp},
			scenario{"codes of the driver reach nothing", codesReachNothing},
			scenario{"echo test", echoTest},
			scenario{"a call to the queue", callToTheQueue},
		)...)
	})
	t.Run("telephones and lines", func(t *testing.T) {
		play(t, start(t, machine{firmware: qemu.BIOS, cards: []string{mixed}}),
			scenario{"a call from outside reaches the queue's telephone", callFromOutside},
			scenario{"the outside caller hangs up first", outsideCallerHangsUpFirst},
			scenario{"the outside caller has no codes", outsideCallerHasNoCodes},
			scenario{"two calls from outside", twoCallsFromOutside},
			scenario{"a busy member is not rung", busyMemberIsNotRung},
		)
	})
}

// Once the kernel runs, the firmware is out of the game: under UEFI the first
// calls are made, and what the queue does with them is not asked again.
func TestVMCallsUnderUEFI(t *testing.T) {
	t.Run("24 telephones", func(t *testing.T) {
		play(t, start(t, machine{firmware: qemu.UEFI, cards: []string{allPhones}}), firstCalls()...)
	})
	t.Run("telephones and lines", func(t *testing.T) {
		play(t, start(t, machine{firmware: qemu.UEFI, cards: []string{mixed}}),
			scenario{"a call from outside reaches the queue's telephone", callFromOutside},
		)
	})
}

// firstCalls are what any box must be able to do.
func firstCalls() []scenario {
	return []scenario{
		{"every telephone gets dial tone", everyPhoneGetsDialTone},
		{"1 calls 2 by DTMF", oneCallsTwo},
		{"3 calls 4 by pulses", threeCallsFour},
		{"the called party hangs up first", calledPartyHangsUpFirst},
		{"a busy telephone", busyTelephone},
		{"a number that nobody has", numberNobodyHas},
	}
}

// scenario is a story with a box that is up and where nobody calls anybody.
type scenario struct {
	name string
	play func(*box)
}

// play plays the scenarios one after the other. One that fails does not keep
// the others from being played.
func play(t *testing.T, b *box, scenarios ...scenario) {
	b.ready()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			part := b.in(t)
			part.everybodyHangsUp()
			s.play(part)
		})
	}
}

func everyPhoneGetsDialTone(b *box) {
	for n := 1; n <= 24; n++ {
		phone := b.phone(n)
		phone.lifts()
		phone.hears(tone.Dial)
		phone.hangsUp()
	}
}

func oneCallsTwo(b *box) {
	one, two := b.phone(1), b.phone(2)
	one.lifts()
	one.hears(tone.Dial)
	one.dials("1002")
	two.rings()
	two.shows("1001", "Phone 1")
	one.hears(tone.Ringback)
	two.lifts()
	b.pass(500)
	b.talk(one.Port, two.Port)

	// The caller hangs up: that frees both.
	one.hangsUp()
	two.isCutOff()
	two.hangsUp()
	b.areFree(one, two)
}

func threeCallsFour(b *box) {
	three, four := b.phone(3), b.phone(4)
	three.lifts()
	three.hears(tone.Dial)
	b.pass(1500) // a hand's way from the handset to the dial; see dialsByPulses
	three.dialsByPulses("1004")
	four.rings()
	four.shows("1003", "Phone 3")
	four.lifts()
	b.pass(500)
	b.talk(three.Port, four.Port)
	three.hangsUp()
	four.hangsUp()
	b.areFree(three, four)
}

func calledPartyHangsUpFirst(b *box) {
	one, two := b.phone(5), b.phone(6)
	b.connect(one, two)
	two.hangsUp()
	one.isCutOff()
	one.hangsUp()
	b.areFree(one, two)
}

func busyTelephone(b *box) {
	one, two := b.phone(7), b.phone(8)
	two.lifts()
	two.hears(tone.Dial)
	one.lifts()
	one.hears(tone.Dial)
	one.dials("1008")
	one.hears(tone.Busy)
	one.hangsUp()
	two.hangsUp()

	// So is one that is in a call, and the call goes on.
	three := b.phone(9)
	b.pass(gap)
	b.connect(one, two)
	three.lifts()
	three.hears(tone.Dial)
	three.dials("1007")
	three.hears(tone.Busy)
	three.hangsUp()
	b.talk(one.Port, two.Port)
}

func numberNobodyHas(b *box) {
	one := b.phone(1)
	one.lifts()
	one.hears(tone.Dial)
	one.listens()
	one.dials("7") // no number begins with it
	one.hears(tone.Congestion)
	for _, hz := range []float64{950, 1400, 1800} { // the special information tone, before it
		one.heard(hz, 200)
	}
	one.hangsUp()
	b.pass(gap)
	// One that no telephone has, and one that is not complete. The tones
	// begin before the last digit, and some seconds after it.
	for _, number := range []string{"1999", "60"} {
		one.lifts()
		one.hears(tone.Dial)
		one.dials(number)
		one.hears(tone.Congestion)
		one.hangsUp()
		b.pass(gap)
	}
}

func callerGivesUp(b *box) {
	one, two := b.phone(1), b.phone(2)
	one.lifts()
	one.hears(tone.Dial)
	one.dials("1002")
	two.rings()
	one.hangsUp()
	two.stopsRinging()
	b.areFree(one, two)
}

// chan_dahdi has codes that forward a seat's calls or shut a telephone up.
func codesReachNothing(b *box) {
	one := b.phone(1)
	for _, code := range []string{"*72", "*78", "*60"} {
		one.lifts()
		one.hears(tone.Dial)
		one.dials(code)
		one.hears(tone.Congestion)
		one.hangsUp()
		b.pass(gap)
	}
	// And a call to it still arrives.
	two := b.phone(2)
	b.connect(two, one)
}

func echoTest(b *box) {
	one := b.phone(1)
	one.lifts()
	one.hears(tone.Dial)
	one.dials("*43")
	b.pass(2000)
	b.hearsTone(one.Port, one.Port)
}

func callToTheQueue(b *box) {
	caller, one, two := b.phone(3), b.phone(1), b.phone(2)
	caller.lifts()
	caller.hears(tone.Dial)
	caller.dials("600")
	agent := b.firstToRing(one, two)
	agent.shows("1003", "Phone 3")
	agent.lifts()
	b.pass(500)
	b.talk(caller.Port, agent.Port)
	agent.hangsUp()
	caller.isCutOff()
}

func callFromOutside(b *box) {
	outside, one, two := b.line(13), b.phone(1), b.phone(2)
	outside.callsIn("02087654321", "Li Lei")
	outside.isAnswered()
	agent := b.firstToRing(one, two)
	agent.shows("02087654321", "Li Lei")
	agent.lifts()
	b.pass(500)
	b.talk(outside.Port, agent.Port)
	agent.hangsUp()
	outside.isReleased()
	b.areFree(one, two)
}

func outsideCallerHangsUpFirst(b *box) {
	outside, one, two := b.line(24), b.phone(1), b.phone(2)
	outside.callsIn("5550100", "")
	agent := b.firstToRing(one, two)
	agent.shows("5550100", "")
	agent.lifts()
	b.pass(500)
	b.talk(outside.Port, agent.Port)
	outside.hangsUp()
	agent.isCutOff()
	outside.isReleased()
	agent.hangsUp()
	b.areFree(one, two)
}

// What transfers a call, records it or ends it in other exchanges must do
// nothing for a caller.
func outsideCallerHasNoCodes(b *box) {
	outside, one, two := b.line(14), b.phone(1), b.phone(2)
	outside.callsIn("5550101", "")
	agent := b.firstToRing(one, two)
	agent.lifts()
	b.pass(500)
	for _, code := range []string{"*2", "#1", "*0", "*8", "#", "*1"} {
		b.must("presses "+code, outside.Number(), func(ctx context.Context) error { return outside.Play(ctx, control.PlayArgs{DTMF: code}) })
		b.pass(2000)
	}
	b.talk(outside.Port, agent.Port)
}

func twoCallsFromOutside(b *box) {
	first, second, one, two := b.line(15), b.line(16), b.phone(1), b.phone(2)
	first.callsIn("5550102", "")
	agent := b.firstToRing(one, two)
	agent.lifts()
	second.callsIn("5550103", "")
	other := one
	if agent.Number() == one.Number() {
		other = two
	}
	other.rings()
	other.shows("5550103", "")
	other.lifts()
	b.pass(500)
	b.talk(first.Port, agent.Port)
	b.talk(second.Port, other.Port)
	// Nobody hears the others.
	b.isQuiet(first.Port, second.Port)
}

// A member who telephones is not disturbed, and gets the call that waited
// when there is nobody else.
func busyMemberIsNotRung(b *box) {
	outside, one, two, third := b.line(17), b.phone(1), b.phone(2), b.phone(3)
	b.connect(one, third)
	two.lifts() // and listens to the dial tone
	two.hears(tone.Dial)
	outside.callsIn("5550104", "")
	outside.isAnswered()
	b.pass(5000)
	one.hangsUp()
	third.hangsUp()
	one.rings()
	one.shows("5550104", "")
	one.lifts()
	b.pass(500)
	b.talk(outside.Port, one.Port)
}

// connect lets one telephone call another, which answers.
func (b *box) connect(caller, called phone) {
	b.Helper()
	caller.lifts()
	caller.hears(tone.Dial)
	caller.dials(extension(called))
	called.rings()
	called.lifts()
	b.pass(gap)
}

// extension is the number of a telephone in the built-in site.
func extension(p phone) string { return strconv.Itoa(1000 + p.Number()) }

// areFree checks that telephones can call and be called.
func (b *box) areFree(one, two phone) {
	b.Helper()
	b.pass(gap)
	b.connect(one, two)
	one.hangsUp()
	two.hangsUp()
	b.pass(gap)
	b.connect(two, one)
	one.hangsUp()
	two.hangsUp()
}

// isQuiet checks that what one party says does not arrive at another.
func (b *box) isQuiet(from, to interface {
	Number() int
}) {
	b.Helper()
	ctx, cancel := b.limit()
	defer cancel()
	if err := b.ctl.Port(from.Number()).PlayTone(ctx, testLevel, -1, testHz); err != nil {
		b.Fatal(err)
	}
	heard, err := b.ctl.Port(to.Number()).Listen(ctx, 1000)
	if err != nil {
		b.Fatal(err)
	}
	if err := b.ctl.Port(from.Number()).StopPlay(ctx); err != nil {
		b.Fatal(err)
	}
	if level := tone.LevelAt(heard.Samples(), testHz); level > -50 {
		b.Errorf("what port %d says is heard at port %d, at %.1f dBm0", from.Number(), to.Number(), level)
	}
}

// firstToRing waits until one of the telephones rings and returns it.
func (b *box) firstToRing(phones ...phone) phone {
	b.Helper()
	ctx, cancel := b.limit()
	defer cancel()
	type result struct {
		phone phone
		err   error
	}
	rung := make(chan result, len(phones))
	racing, stop := context.WithCancel(ctx)
	defer stop()
	for _, p := range phones {
		go func() {
			_, err := p.WaitRing(racing, 0, someday)
			rung <- result{p, err}
		}()
	}
	var err error
	for range phones {
		r := <-rung
		if r.err == nil {
			return r.phone
		}
		err = r.err
	}
	b.Fatalf("none of the telephones rang: %v", err)
	return phone{}
}
