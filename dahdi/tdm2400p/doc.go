// Package tdm2400p is an emulated TDM2400P: a PCI card with twenty-four analog
// telephone ports, as the Linux driver wctdm24xxp of DAHDI sees it. It is for
// everybody who wants to try telephony without telephones: QEMU puts the card
// into a virtual machine over a vfio-user socket, the unmodified driver drives it,
// and programs plug telephones ([Station]) and lines ([Trunk]) into it.
//
//	card := tdm2400p.New(tdm2400p.Config{Ports: ports}, log)
//	card.PlugStation(1, phone)
//	err := card.ListenAndServe(ctx, "/run/card.sock")
//
// Package vfiouser says how to start QEMU. In the guest, DAHDI's modules are
// loaded in the order dahdi, dahdi_voicebus, wctdm24xxp; none needs firmware.
// With dahdi's parameter auto_assign_spans=1 the card is /proc/dahdi/1.
//
// # The card
//
// A TDM2400P has places for six modules of four ports each. An S400M holds four
// FXS ports, each a ProSLIC (Si3215) that feeds a telephone: battery, ringing,
// hook detection, codec. An X400M holds four FXO ports, each a DAA (Si3050) that
// behaves like a telephone towards a line from the exchange. A VPMOCT032 module
// can cancel echo. Everything meets in a programmable chip (the CPLD), which packs
// the audio and control lines of all modules into frames, one a millisecond; and
// an Ethernet chip (AN983) without a cable moves these frames between the CPLD
// and rings in the computer's memory. That is the VoiceBus. So to the computer
// the card is an Ethernet controller, vendor d161, device 2400.
//
// # Time
//
// The card is the clock. One frame is one card millisecond, eight samples; all
// durations anywhere near it are counted in frames, never in the host's time.
// The next frame is processed when its millisecond is due and the driver has
// acknowledged the one before, so a machine that is slow, or stopped for a while,
// never misses one: card time stretches instead. What is late is caught up, up to
// 20 ms; beyond that, card time is given up and counted as lost. Catching up, the
// card runs a third faster at most, and after every frame the guest gets as much
// time for itself as it took to handle that frame: the frames of a slow machine
// must not keep its programs from the processor, which have to take and give the
// audio in step with them.
//
// Telephones and lines live on the card's goroutine, in [Station.Tick] and
// [Trunk.Tick]. All others reach the card between two frames: [Card.Do] at once,
// [Card.At] at a certain frame.
//
// [Card.Frame] is one frame without any of that, for tests that need no guest.
//
// # The bus chip's registers
//
// In BAR 1, 32 bits each. Those not named keep what is written to them; the driver
// reads everything back.
//
//	00  bit 0 resets the chip, and clears itself. Bits 6..2: 32-bit words between
//	    two descriptors, beyond a descriptor's own four.
//	08  transmit poll demand: the transmitter looks for a descriptor again
//	10  receive poll demand
//	18  where the receive ring begins; writing goes back to its start
//	20  where the transmit ring begins
//	28  status. Writing ones clears bits 16..0.
//	    0 frame sent, 2 no transmit descriptor, 6 frame received, 7 no receive
//	    descriptor, 13 bus error; 15 and 16 sum up what went wrong and right.
//	    19..17 receiver: 0 stopped, 3 waits for a frame, 4 suspended;
//	    22..20 transmitter: 0 stopped, 3 reads a descriptor, 6 suspended
//	30  operation: bit 1 starts the receiver, bit 13 the transmitter
//	38  which bits of the status interrupt
//	48  management interface, bit by bit: bit 16 clock, 17 data. 32 ones, then
//	    0101, and in bits 6..2 of a 16-bit header the register, then its 16 bits.
//	    Writing register 22 pulls the reset line of all modules.
//	fc  mode: the driver wants to read 4 after it wrote 4
//
// A descriptor is four words: bit 31 of the first is set while it is the card's;
// bit 25 of the second ends the ring; the third is the buffer's address. A frame
// that was received leaves its length in bits 30..16 of the first; the driver
// throws away what is not 1004 octets long.
//
// A frame needs a descriptor of either ring. Without one the card says so and
// waits; the driver then starts the bus again ("hardunderun" in its log), and the
// modules keep their state over that. A real card also interrupts when it has
// stopped; this one does not, as the driver asks for it and has no use for it.
//
// # Frames
//
// A frame is eight eframes, one per sample, 128 octets apart; the last has 108.
//
//	0..23    audio of timeslots 0..23
//	24..107  control: three octets for each module m (0..23). Octet b stands at
//	         24 + 7*(3*(m&3) + b) + m>>2. What remains, 30, 37, ... 107, are
//	         twelve octets for the echo canceller.
//	108      the board's control byte
//	109      ident: a number that the driver counts up with each of the first
//	         seven eframes. The card sends it back.
//
// A command is answered in the same eframe of the frame that goes back, in the
// module's third octet. The last eframe has no ident of its own: the driver waits
// for its answer under the next ident, so it is carried over into the next frame's
// first eframe, where otherwise only filler stands. A frame whose first two idents
// are equal is ignored; when idents jump, the driver counts an interrupt miss and
// repeats the commands that are not answered.
//
// Audio is G.711, µ-law unless the driver was loaded with companding=alaw. Each
// module is told its timeslots, and whether A-law or µ-law, by register. Octets
// pass as they are. Timeslots from 24 on are not in the frame; modules can hear
// each other there.
//
// # Commands to modules
//
// An FXS command is the octets 1<<(m&3), register, value; bit 7 of the register
// makes it a read. An FXO command begins with 0x20 (write) or 0x60 (read) plus 0,
// 8, 4, 12 for the first to fourth port of the module. What is not for the module
// that is there, and every command in an empty place, is answered with 0xff.
//
// The driver looks for an FXS port first: register 0 must be 0x8x, and 1, 8, 64,
// 11 must hold 0x88, 2, 0, 0x33, as after a reset. Then for an FXO port: register
// 2 must hold 3. Then for a radio interface that hardly anybody has. It takes
// 0.6 s of card time for each FXS port, all modules at once, one port of each
// after the other.
//
// # FXS registers
//
//	0        0x85, the chip
//	1        audio: bit 5 on, bits 4..3: 0 A-law, 1 µ-law
//	2,3 4,5  timeslots it sends and receives in, times 8
//	14       bit 4: the battery's converter is off
//	18..20   interrupts; writing ones clears
//	28..31   door to 256 indirect registers of 16 bits: value in 28 and 29, address
//	         in 30. Writing 30 stores what was put into 28 and 29 since the last
//	         time; if nothing was, it loads them. 31 is 0: not busy.
//	64       line feed: bits 2..0 as asked for, bits 6..4 as it is, which is the
//	         same here. 0 open, 1 active, 2 on-hook transmission, 3 tip open,
//	         4 ringing, 5..7 as 1..3 with reversed polarity.
//	68       bit 0: the telephone is off hook
//	80,81,82 voltage of tip, ring, battery in steps of 376 mV. The driver waits
//	         until the battery is at 0xc0, and tests that it does not sink below 6
//	         when the converter is off.
//	88,89,96 calibration: 0, it is done
//	107      a result of it, 2 to 13
//
// # FXO registers
//
//	1        0x80 resets the others
//	2        3, by which it is known
//	5        bit 0 off hook, bit 3 line monitor; while on hook, bits 5, 6 and 2 are
//	         a positive and a negative half wave of ringing, and either
//	11       bits 7..4: the line side's chip; not 0, so it is there
//	29       voltage of the line, signed; less than 3 is none
//	33       audio, as FXS register 1
//	34..37   timeslots, as FXS registers 2 to 5
//
// The driver's times for a line, all in card time: ringing is two reversals in
// 128 ms, over after 128 ms without; battery and polarity must hold for 64 ms; a
// line without battery is a red alarm after 1 s.
//
// # Echo canceller
//
// A command is 0x12 0x34 0x56, then 0x60 (read) or 0x20 (write) plus a number of
// octets, an address, and the octets. A read is answered with 0x55 0xaa in the
// fourth and fifth octet, and what was read. It has a name, a version and a serial
// number, and keeps the rest; it does not touch audio. The driver misses its
// firmware file, says so, and goes on with what "is there".
//
// # What was tried
//
// With the unmodified driver of DAHDI 3.4.0 under Linux 7.2, in QEMU 11.1.2
// without KVM: twenty-four FXS ports, twenty-four FXO ports, both mixed with empty
// places, the echo canceller, A-law, two cards in one machine; unloading and
// loading the driver, a reboot of the guest, QEMU stopped for three seconds, and
// the faults of [FaultKind]. Loading the driver takes 3.2 s for 24 ports of either
// kind. At 1000 frames/s the emulator uses about a fifth of a 2020s server's core,
// almost all of it in system calls; [Card.Frame] is 2.5 µs of each millisecond.
// KVM was not tried, and there was no real card to compare with.
package tdm2400p
