package asteriskconf

import (
	"slices"

	"switchroom/provisioning"
)

// records reports whether calls of a kind are recorded by the site's rule.
func (r renderer) records(what string) bool { return slices.Contains(r.site.Recording.What, what) }

// recordsAny reports whether any call may be recorded.
func (r renderer) recordsAny() bool {
	return len(r.site.Recording.What) > 0 ||
		slices.ContainsFunc(r.site.Extensions, func(e provisioning.Extension) bool { return e.Record == "always" }) ||
		slices.ContainsFunc(r.site.Queues, func(q provisioning.Queue) bool { return q.Record == "always" }) ||
		slices.ContainsFunc(r.site.Conferences, func(c provisioning.Conference) bool { return c.Record })
}

// recordQueue are the steps by which a caller of a queue is recorded.
func (r renderer) recordQueue(q provisioning.Queue) []string {
	switch {
	case q.Record == "never":
		return nil
	case q.Record == "always", r.records("queue"):
		return []string{"Gosub(record-told,s,1)"}
	}
	return r.recordIfInbound()
}

// recordExtension are those of a call to an extension.
func (r renderer) recordExtension(e provisioning.Extension) []string {
	switch e.Record {
	case "never":
		return nil
	case "always":
		return []string{"Gosub(record-told,s,1)"}
	}
	return r.recordIfInbound()
}

// recordIfInbound are those of a call that is recorded for who makes it.
func (r renderer) recordIfInbound() []string {
	if !r.recordsAny() {
		return nil
	}
	return []string{"Gosub(record-maybe,s,1)"}
}

func (r renderer) recordOutbound() []string {
	if r.records("outbound") {
		return []string{`ExecIf($["${RECORD}" != "never"]?Gosub(record,s,1))`}
	}
	if r.recordsAny() {
		return []string{`ExecIf($["${RECORD}" = "always"]?Gosub(record,s,1))`}
	}
	return nil
}

func (r renderer) recording(f *file) {
	if !r.recordsAny() {
		return
	}
	internal := "no"
	if r.records("internal") {
		internal = "yes"
	}
	f.context("record-maybe", "Records a call if who makes it is recorded: RECORD is of a telephone, or of the route of a call from outside.")
	f.exten("s", `GotoIf($["${RECORD}" = "always"]?yes)`,
		`GotoIf($["${SEAT}" != "" & "${RECORD}" != "never" & "`+internal+`" = "yes"]?yes)`,
		"Return()",
		"yes: Gosub(record-told,s,1)",
		"Return()")
	f.context("record-told", "Callers from outside are told, once.")
	notice := "switchroom/recorded"
	if r.site.Recording.Notice != "" {
		notice = prompt(r.site.Recording.Notice)
	}
	steps := []string{}
	if r.site.Recording.Announce {
		steps = append(steps, `GotoIf($["${SEAT}" != "" | "${TOLD}" != ""]?record)`, "Set(TOLD=yes)", "Answer()", "Playback("+notice+")")
	}
	f.exten("s", append(steps, "record: Gosub(record,s,1)", "Return()")...)
	f.text(recordSubs)
}

// recordSubs record both sides in files of their own, named for the channel
// that the recording stands on: in is what it says, out what it hears. It stays
// with the channel through every transfer.
const recordSubs = `
[record]
; b: while the channel talks to somebody. Both sides in files of their own, of the same length.
exten = s,1,GotoIf($["${RECORDING}" != ""]?done)
 same = n,Set(RECORDING=yes)
 same = n,Set(__RECORDED=yes)
 same = n,ExecIf($["${SEAT}" != ""]?Set(DYNAMIC_FEATURES=pause-ours))
 same = n,MixMonitor(,br(${UNIQUEID}-in.wav)t(${UNIQUEID}-out.wav))
 same = n(done),Return()

[record-pause]
; A code was pressed: what is said until it is pressed again is in no file, as a card's number must not be.
exten = s,1,GotoIf($["${RECORDING}" = "paused"]?on)
 same = n,GotoIf($["${RECORDING}" = ""]?done)
 same = n,StopMixMonitor()
 same = n,Set(RECORDING=paused)
 same = n,Return()
 same = n(on),Set(RECORDING=yes)
 same = n,MixMonitor(,abr(${UNIQUEID}-in.wav)t(${UNIQUEID}-out.wav))
 same = n(done),Return()
`
