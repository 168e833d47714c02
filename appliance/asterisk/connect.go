package asterisk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"switchroom/appliance/asterisk/ami"
)

// Address is where Asterisk's manager listens on the box.
const Address = "127.0.0.1:5038"

// bootTime is how long Asterisk may take to load its modules.
const bootTime = 2 * time.Minute

// Connector returns an [Applier]'s Connect: over dial, as a user with a secret
// that is asked for when it is needed.
func Connector(log *slog.Logger, dial func(context.Context) (net.Conn, error), user string, secret func() (string, error)) func(context.Context) (Manager, func(), error) {
	return func(ctx context.Context) (Manager, func(), error) {
		c := ami.New(ami.Config{Dial: dial, Log: log, Login: func(context.Context) (ami.Login, error) {
			s, err := secret()
			// FullyBooted is of the class system; the rest is not wanted.
			return ami.Login{User: user, Secret: s, Events: "system"}, err
		}})
		running, cancel := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = c.Run(running) // ends with the context, and with its error
		}()
		stop := func() {
			cancel()
			<-done
		}
		waiting, cancelWait := context.WithTimeout(ctx, bootTime)
		defer cancelWait()
		err := c.WaitUpUnless(waiting, func(err error) bool {
			var refused *ami.Refused
			return errors.As(err, &refused) || errors.Is(err, syscall.ECONNREFUSED)
		})
		if err != nil {
			stop()
			if errors.Is(err, syscall.ECONNREFUSED) {
				err = ErrNotRunning
			}
			if errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("%w; last: %w", err, errors.Join(c.Fault()))
			}
			return nil, nil, err
		}
		return c, stop, nil
	}
}
