// Package watchdog keeps the hardware watchdog fed while the box does its
// work, and lets it reset the machine when the box does not and cannot help
// itself.
//
// The initramfs starts the watchdog as early as it can and leaves it running;
// the supervisor opens it again and feeds it. A watchdog that was once
// started is never stopped.
package watchdog
