package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"syscall"
	"time"
)

// QMPError is QEMU's refusal of a command.
type QMPError struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

func (e *QMPError) Error() string { return "QEMU: " + e.Desc }

// qmpClient speaks QEMU's control protocol: one JSON object a line, one
// command at a time, events in between.
type qmpClient struct {
	mu   sync.Mutex // one command at a time
	conn net.Conn
	in   *bufio.Scanner
}

// dialQMP connects to the socket as soon as QEMU listens on it, and gives up
// when the context or QEMU ends.
func dialQMP(ctx context.Context, path string, ended <-chan struct{}) (*qmpClient, error) {
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	var conn net.Conn
	for conn == nil {
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			conn = c
			continue
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("connecting to QEMU: %w", err)
		}
		select {
		case <-retry.C:
		case <-ended:
			return nil, errors.New("connecting to QEMU: it ended before it listened")
		case <-ctx.Done():
			return nil, fmt.Errorf("connecting to QEMU: %w", ctx.Err())
		}
	}
	q := &qmpClient{conn: conn, in: bufio.NewScanner(conn)}
	q.in.Buffer(make([]byte, 0, 4096), 1<<20)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if !q.in.Scan() {
		conn.Close()
		return nil, fmt.Errorf("reading QEMU's greeting: %w", q.readError())
	}
	if err := q.do(ctx, "qmp_capabilities", nil, nil); err != nil {
		conn.Close()
		return nil, err
	}
	return q, nil
}

func (q *qmpClient) readError() error {
	if err := q.in.Err(); err != nil {
		return err
	}
	return net.ErrClosed
}

// do runs one command and decodes its answer into result, unless that is nil.
func (q *qmpClient) do(ctx context.Context, command string, arguments, result any) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = q.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	req := map[string]any{"execute": command}
	if arguments != nil {
		req["arguments"] = arguments
	}
	if err := json.NewEncoder(q.conn).Encode(req); err != nil {
		return fmt.Errorf("asking QEMU to %s: %w", command, err)
	}
	for q.in.Scan() {
		var msg struct {
			Event  string          `json:"event"`
			Return json.RawMessage `json:"return"`
			Error  *QMPError       `json:"error"`
		}
		if err := json.Unmarshal(q.in.Bytes(), &msg); err != nil {
			return fmt.Errorf("reading QEMU's answer to %s: %w", command, err)
		}
		switch {
		case msg.Event != "":
			continue
		case msg.Error != nil:
			return fmt.Errorf("%s: %w", command, msg.Error)
		case result != nil:
			if err := json.Unmarshal(msg.Return, result); err != nil {
				return fmt.Errorf("reading QEMU's answer to %s: %w", command, err)
			}
		}
		return nil
	}
	return fmt.Errorf("reading QEMU's answer to %s: %w", command, q.readError())
}

func (q *qmpClient) close() error { return q.conn.Close() }
