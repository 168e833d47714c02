// Package lab runs the image's own Asterisk on the build machine, with test telephones around it,
// and measures what each of them hears. It is what the scenarios of package native are played with.
//
// [Build] puts together what of the image's root Asterisk needs: itself, its modules, their
// libraries, and the prompts, out of the same packages and the same compilation as in the image.
// [Image.Start] runs it as a [Box]: an ordinary process, chrooted, in name spaces of its own. Its
// network has nothing but a loopback, so that any number of boxes run beside each other on the
// ports that the configuration names, and no packet leaves the machine. There is no kernel module
// and so no analog port: telephones are SIP telephones, outside lines SIP trunks.
//
// A [Phone] is a SIP telephone, or the exchange at the other end of a trunk: it registers, calls,
// answers, refuses, holds, transfers, presses keys. Each says a tone of its own, and its [Ear] keeps
// all it hears: so who hears whom is found in the sound, in windows of 200 ms. A prompt is
// recognised by correlating what is heard with the prompt's own file, as Asterisk decodes it: the
// first 0.8 s of it that aren't silence, less 60 ms, which may begin at any packet, since Asterisk plays files
// in frames of 20 ms and sends each in a packet of its own. (The last frame of a file may be shorter,
// and so packets are not always of 160 samples.)
//
// Whatever waits here waits for an event: a message, an RTP packet, a line of a log. The time-outs
// are those of the context and only bound how long a failure takes.
//
// Run by root, a process may open sockets in the boxes' networks as it is; run by an ordinary user
// it must be root in a user name space: see [Enter].
package lab
