// Package calls says what a call was: who called when, along which route and
// through which menus, how long each queue held the caller, whose telephones
// rang, who answered, who was held and transferred, and who ended it and why.
//
// A [Call] runs from the first ring to the last hang-up. It is made of the
// facts that Asterisk writes down, and of nothing else, so that no process of
// ours has to be running for a call to be counted:
//
//   - channel events (CEL), a line each in a file written by cel_custom:
//     package cel reads them;
//   - the queue log: package queuelog reads it.
//
// Package record makes calls of facts, package follow reads the two files as
// they grow and are rotated, package ledger keeps facts and calls in calls.db,
// package recordings makes mp3 of what was said, package reports counts, and
// package service is `switchroom records`, which wires them.
package calls
