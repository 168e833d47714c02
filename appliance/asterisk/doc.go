// Package asterisk brings configuration files into force in a running
// Asterisk, as a transaction: the files are compared with those that are
// there, the way from the ones to the others is planned ([Changes]), and then
// they are written, read anew by the modules that they are of, and put back if
// Asterisk complains, refuses or goes away ([Applier]).
//
// What rests on Asterisk 22:
//
//   - A module reads its files anew when asked to (the action Reload), and
//     calls go on: the dialplan, queues, SIP, music, conferences, voicemail
//     and what else is in the table of readers. A call that comes back into a
//     part of the dialplan that is gone ends there.
//   - Reload answers with success though a file has faults: most modules
//     leave out what they don't understand and say so in the log. So the log
//     is watched. It is written by a thread of its own, in order and shortly
//     after; the end of it is its silence.
//   - SIP transports are opened once, unless they allow otherwise. The card's
//     channels and their signalling are set up once; the action DAHDIRestart
//     does it again, and ends the card's calls.
//   - A file is read anew if its size, its time or its inode are different.
//
// Package ami, below, is the connection.
package asterisk
