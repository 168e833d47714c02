// Package panel is the front of the box: what a person sees who stands before
// it. A Crystalfontz display module with keys (package cfa635) is found by
// itself on any serial or USB-serial port, and may be plugged in and out at any
// time; the same screens stand on the video console, /dev/tty1, with or without
// a module.
//
// # Screens
//
// Name and address (and the setup code of a box that nobody owns yet); the
// services and what is wrong; calls, callers who wait and agents; ports with
// trouble; version and slot. They take turns, the arrows leaf through them by
// hand, Enter opens the menu and Exit leaves it. A screen of which nothing is
// known is left out. On the console they stand below each other.
//
// The lamps of a CFA-635, from the top: health (green, amber while it starts,
// red), lines (green, amber with a port that has no line, red with a failed module
// or driver, dark without a card), calls (green, amber while callers wait), and update (dark as long as
// nothing tells of updates).
//
// # Menu and PIN
//
// Looking is free. What does something asks for the box's PIN, 4 to 8 digits,
// once until the menu is left. A box without a PIN lets whoever stands at it
// choose one: there is none that the makers have set. It is kept, salted and
// hashed, in /data/panel. Five wrong ones close the menu for half a minute, each
// further one for twice as long, up to 15 minutes.
//
// # Language
//
// English on both. The character generators of the modules know no Chinese, and
// of the eight characters that can be defined a single Chinese one takes two to
// four. The text console of Linux knows at most 512 glyphs at a time, none of
// them Chinese in the fonts that kernels have built in.
//
// # What it may do
//
// It runs as the user panel: it reads and writes serial ports by the group
// dialout and the first console by the group tty (package boot gives them the
// device nodes), reads the supervisor's status, and may ask the supervisor for
// three things: to restart Asterisk, to reboot, and to power off.
//
// A serial port on which nothing answers is asked again every ten seconds, with
// a packet of four bytes; the port that is the kernel's console is left alone.
package panel
