// Package control works the outside plant of an emulated card from without:
// a server on a unix socket, and the client that tests and tools use.
//
// # Protocol
//
// Every message is one line of JSON, in UTF-8, ended by a line feed, of at
// most [MaxLine] octets. A client sends requests, the server answers each with
// exactly one reply, in whatever order they are done, and sends events to
// those who asked for them. Any number of clients up to the server's limit may
// be connected. Unknown members are errors.
//
// A request:
//
//	{"id": 7, "do": "dial", "port": 1, "args": {"digits": "1002"}}
//
// id is any non-negative number of the client's choice and comes back in the
// reply. do is the verb. port counts from 1 through all cards (24 to each);
// verbs about a card take any of its ports, and the first card's if it is left
// out. args are the verb's own and may be left out if all of them may.
//
// Any request may be put off in card time, which is the number of frames, one
// a millisecond, that the card has processed: "at": 12000 does it just before
// that frame, "after": 250 so many frames from now. The reply comes when it is
// done.
//
// A reply:
//
//	{"id": 7, "frame": 12250, "result": {…}}
//	{"id": 7, "frame": 12250, "error": {"code": "timeout", "text": "…", "events": […]}}
//
// frame is the card time at which the request was done. The codes are
// "bad-request" (not understood, or impossible values), "no-port" (no such
// port, or not of the kind the verb is for), "failed" (understood, but not
// possible now), and "timeout" (of wait). events are what the port remembers of
// the last time, at most 50.
//
// An event, as package loop defines them:
//
//	{"event": "ring", "port": 2, "frame": 12290, "seq": 31, "data": {"n": 1, …}}
//
// Events go to a client's queue of bounded length. One that reads too slowly
// misses events, and is told so when there is room again: {"event": "dropped",
// "data": {"n": 17}}. Replies are never left out: a client that lets them fill
// the queue is disconnected.
//
// # Verbs of a card
//
//	info        cards, ports and country          -> {cards: [{ports: "fxs:1-12,…", frame, vpm}], country, seq: of the last event}
//	stats       the card's counters               -> {frames, stalls, lost, refires, underruns, dropped, bus_errors, resets}
//	pause       stops card time (a request with at or after for this card then waits)
//	resume      lets it go on
//	fault       {kind, port, clear, count, register, mask}: see tdm2400p.Fault; a port's fault takes the request's port
//	regs        the registers of a port's module  -> {kind, direct: [..], indirect: [..], audio, alaw, tx_slot, rx_slot}
//	trace       {on, filler}: the port's commands on the control bus come to this client as events named "spi"
//	ports       the state of every port           -> {ports: [{port, kind, phone: {…}, line: {…}}]}
//	routes      {set: [loop.Route…]}: replaces the exchange's routes if set is given -> {routes: [..]}
//	exchange    {callerid}: how called lines learn who calls: bell, v23, dtmf or ""
//
// # Verbs of a telephone (FXS ports)
//
//	offhook, answer    lifts the handset
//	onhook             puts it down
//	flash       {ms}   400 if 0
//	dial        {digits, on_ms, off_ms, level, twist, shift, tag}   by tones; "dialled" follows
//	pulse       {digits, pps, break, pause_ms, tag}                 by opening the loop; "dialled" follows
//	load        {state}   phone, unplugged or short
//	wire        {to}      a pair of wires to an FXO port, of any card, in the telephone's place; 0 takes them away
//
// # Verbs of a line (FXO ports)
//
//	ring        {cadence_ms, hz, callerid: {number, name, time: "11-22 19:05", standard, single, before, reversal, start, stop, no_number, no_name, level}}
//	stopring
//	answer      {reversal}     the far end answers: tones stop, and the polarity is reversed if asked
//	hangup      {how, ms}      open (battery away for ms), busy, reversal
//	battery     {volts}        0 takes it away
//	polarity    {reversed}
//	flashlimit  {ms}           the longest opening that is a flash
//
// # Verbs of both
//
//	state       -> as in ports
//	play        one of {tone: "busy"}, {hz: [1004]}, {dtmf: "12"}, {silence: true}, {samples: base64 of s16le},
//	            {wire: base64 of G.711}; with {level, ms, tag}. ms 0 is as long as it lasts, at most 10 s for
//	            what has no end; -1 is for ever. Signals queue; "played" follows.
//	stop        ends all that is being played
//	record      {max_ms}       records what the port hears, in place of an older recording
//	stoprecord
//	recording   {from, to}     -> {from, to, law, wire: base64 of G.711}: [from, to) in card ms, at most 60 s at once
//	events      {since, limit} -> {events: [..]}
//	watch       {ports, events}: events from now on, of these ports and names; of all if left out. Replaces an earlier watch.
//	unwatch
//	wait        {event, match, timeout_ms, since, after_seq} -> the event
//	attach      live audio: after the reply this connection carries no more lines, but s16le samples at 8,000/s
//	            both ways at the card's pace, until it is closed. A second is held in each direction.
//
// wait answers with the first event of the port (of any port, if there is no
// port) with that name whose data has every member of match. A number in match
// may also be {"min": a, "max": b}; an array means any of its members. since (a frame) and after_seq (an event's
// seq) let it look back at what the port remembers, so that nothing is missed
// between doing something and waiting for what comes of it. The time-out counts
// in card time, 10,000 ms if it is 0.
package control

// Limits of the protocol.
const (
	// MaxLine is the longest line in octets, its line feed not counted.
	MaxLine = 1 << 20
	// maxPending is how many requests a client may have under way.
	maxPending = 256
	// maxQueue is how many lines may wait for a client to read them.
	maxQueue = 1024
)
