// Package watchdog keeps the hardware watchdog fed while the box does its
// work, and lets it reset the machine when the box does not and cannot help
// itself.
//
// The initramfs starts the watchdog as early as it can and leaves it running;
// the supervisor opens it again, and a Keeper feeds it. A watchdog that was
// once started is never stopped: a hang on the way down is one too.
//
// The rules, which Keeper follows:
//
//   - While the essential services are healthy, it is fed.
//   - After a failure the supervisor has 120 seconds to bring them back. Then
//     the feeding stops, the reason is written to the data partition, and the
//     machine is reset after the watchdog's time-out, unless the services
//     come back before.
//   - The same if the supervisor is silent: it reports every few seconds, and
//     a loop that hangs is a failure.
//   - After three resets within an hour a fourth would not help either: the
//     box stays up with what works, and says what does not.
package watchdog
