// Package dahdi says what telephone cards are to the rest of the house: a
// [Card] has spans, a [Span] has ports, a [Port] is a place for one telephone
// or one line, and an [Inventory] is all of that as found in a box, with a
// [State] that says in a word whether it works and an advice if it does not.
//
// DAHDI is the Linux driver family of Digium's cards. It names a port's
// signalling after what stands at the far end: a port that feeds a telephone
// (FXS) is signalled as "fxo", a port that takes a line from the exchange (FXO)
// as "fxs". A TDM2400P has six places for modules of four ports each, S400M
// (four FXS) and X400M (four FXO); the driver always shows it as one span of 24
// channels, and an empty place as four channels that can't do anything.
//
// [Desired] is what the owner wants of the ports; [Apply] brings the driver
// there, changing only what differs, because setting a channel's signalling
// again would cut the call on it. What the driver can do stands in [Driver], a
// small interface that the room ioctl fills on a real box and the fake of room dahditest in tests;
// one suite of tests runs on both. [Detect] finds the cards, [Monitor] watches
// the ports and tells what happens on them.
//
// This package has no unsafe code and no ioctls, and imports nothing of ours,
// so that the rooms which only need its types can have them cheaply.
package dahdi
