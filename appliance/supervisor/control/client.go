package control

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/journal"
)

// A Client asks a supervisor. It holds no connection: each request makes one.
type Client struct {
	Path string // of the socket
}

// Do asks for an operation that has no answer but an error.
func (c *Client) Do(ctx context.Context, op, service string) error {
	for _, err := range c.ask(ctx, Request{Op: op, Service: service}) {
		if err != nil {
			return err
		}
	}
	return nil
}

// Status asks for the status of the box.
func (c *Client) Status(ctx context.Context) (appliance.Status, error) {
	for a, err := range c.ask(ctx, Request{Op: OpStatus}) {
		if err != nil {
			return appliance.Status{}, err
		}
		if a.Status != nil {
			return *a.Status, nil
		}
	}
	return appliance.Status{}, fmt.Errorf("the supervisor's answer has no status")
}

// Logs asks for records: the last lines of them (0: all that are kept), of one
// service ("": of all), and with follow those to come until the context ends.
func (c *Client) Logs(ctx context.Context, service string, lines int, follow bool) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for a, err := range c.ask(ctx, Request{Op: OpLogs, Service: service, Lines: lines, Follow: follow}) {
			switch {
			case err != nil:
				yield(journal.Record{}, err)
				return
			case a.Record != nil:
				if !yield(*a.Record, nil) {
					return
				}
			}
		}
	}
}

// ask yields the answers up to the last one.
func (c *Client) ask(ctx context.Context, r Request) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Path)
		if err != nil {
			yield(Answer{}, fmt.Errorf("reaching the supervisor: %w", err))
			return
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		defer stop()
		r.V = Version
		if err := json.NewEncoder(conn).Encode(r); err != nil {
			yield(Answer{}, fmt.Errorf("asking the supervisor: %w", err))
			return
		}
		dec := json.NewDecoder(conn)
		for {
			var a Answer
			if err := dec.Decode(&a); err != nil {
				if ctx.Err() != nil {
					err = ctx.Err()
				}
				yield(Answer{}, fmt.Errorf("hearing the supervisor: %w", err))
				return
			}
			if a.Error != nil {
				yield(a, a.Error)
				return
			}
			if !yield(a, nil) || a.Done {
				return
			}
		}
	}
}
