// Package cfa635 speaks with Crystalfontz's display modules CFA-635, CFA-631
// and CFA-633: a few lines of text, some keys and, on the CFA-635, four lamps
// of two colours, on a serial line or a USB port that looks like one.
//
// # Packets
//
// Both sides send packets:
//
//	type  length  data (0–22 bytes)  CRC low  CRC high
//
// The two upper bits of the type say what it is: 00 a command of ours, 01 the
// answer to it, 11 a refusal, 10 a report that nobody asked for, such as a key.
// The lower six are the command's number, or the kind of report. The CRC is the
// one of X.25 and PPP (RFC 1662, appendix C.2) over type, length and data: it
// begins with 0xFFFF, its polynomial is 0x8408 with the low bit first, and its
// complement is sent.
//
// The module answers each command within 250 ms, and one command is under way
// at a time. There is no mark at a packet's beginning: whoever is lost drops one
// byte and looks again until a CRC fits ([Parser]).
//
// # The models
//
//	CFA-635  20 × 4  115200 bit/s  6 keys, lamps
//	CFA-631  20 × 2  115200 bit/s  4 keys, in the corners
//	CFA-633  16 × 2   19200 bit/s  6 keys
//
// All by 8 data bits, no parity, 1 stop bit. Their character generators know the
// Western alphabets (see [Model.Encode]); of further characters, eight can be
// defined. There is no Chinese on them.
//
// The facts are from Crystalfontz's data sheets of the three modules. No module
// itself has been at hand.
package cfa635
