// Package record makes calls of facts: the lines of the channel events and of
// the queue log.
//
// It has two halves. [Assembler] puts each fact to the call it belongs to.
// Channels belong together that were born together (the linked id of their
// first event) or met in a bridge; the linked ids of later events are not used,
// because Asterisk gives everybody in a conference room, and everybody an
// always-connected agent ever talked to, the same one. [Fold] makes a call of
// its facts. It is a pure function of the set of facts: a fact that comes late,
// twice, or not at all changes the record that it belongs to and nothing else.
package record
