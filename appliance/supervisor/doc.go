// Package supervisor runs the services of the appliance, as pid 1 of the box
// or as an ordinary process on a developer's machine.
//
// # How it works
//
// One goroutine, the manager's loop, holds the state of every service; whatever
// happens (a process ended, a service said it is ready, a time-out ran out, a
// person asked for something) comes to it as a function to be run, one after
// the other. So there are no locks around the state, and a test that brings a
// runner of its own sees exactly what the box does, in synthetic time.
//
// After each of them the loop looks at all services and starts or stops what
// can be (depend.go): a service starts as soon as those it stands After have
// settled and those it Requires are up, and not a moment later; services stop in
// the reverse order. Nothing is planned ahead, so nothing can get stuck: what
// waited for a failed service starts when that one comes up after all.
//
// # The life of a service
//
// The sub-states are systemd's: dead, start-pre, start, running, exited, reload,
// stop, stop-watchdog, stop-sigterm, stop-sigkill, stop-post, auto-restart,
// failed; and crash-loop, where a service is whose starts have exceeded
// StartLimitBurst within StartLimitIntervalSec. systemd gives up there; a box
// without a person near it must not, so the service is tried again after
// CrashLoopDelay, which doubles up to CrashLoopMaxDelay. A service that stays up
// for longer than its StartLimitIntervalSec (and RestartMaxDelaySec) begins anew.
//
// Restart delays are those of systemd (RestartSec growing to RestartMaxDelaySec
// in RestartSteps steps), varied at random by a tenth, so that services that
// died together do not start together.
//
// # Sockets
//
// The sockets of .socket units are opened before the first service starts, stay
// open until the supervisor ends, and are passed to their service at every
// start: a client that connects while it restarts waits instead of failing.
// Unlike with systemd, a connection does not start a service that is stopped.
//
// # Shutting down
//
// As pid 1: SIGINT (Ctrl-Alt-Del) and SIGTERM reboot, SIGUSR2 and SIGPWR power
// off, SIGUSR1 halts. Elsewhere SIGINT and SIGTERM end the supervisor. The
// second time, what still runs is killed. Run returns what is to become of the
// machine when every service is stopped; it does not do it.
package supervisor
