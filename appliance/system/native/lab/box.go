package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"switchroom/image/packages"
)

// Box is a running Asterisk. Its methods may be called from many goroutines.
type Box struct {
	image   *Image
	dir     string
	cmd     *exec.Cmd
	net     network
	manager *Manager
	ended   chan struct{} // closed when the process has ended
	err     error         // why, once ended is closed

	mu    sync.Mutex
	lines []string
	grown chan struct{} // closed and replaced with every line
}

// The folders of a box that are the test's to look into: name below [Box.Dir], and where Asterisk
// sees it.
var folders = map[string]string{
	"etc": "/etc/asterisk", "lib": "/var/lib/asterisk", "spool": "/var/spool/asterisk",
	"log": "/var/log/asterisk", "run": "/run/asterisk", "data": "/data",
}

// The user of the management connection that the lab adds to the configuration.
const managerUser, managerSecret = "lab", "lab"

// Options say what a box runs with.
type Options struct {
	Dir      string            // a folder of the machine's for what the box writes; empty, or that of a box that has ended
	Files    map[string][]byte // /etc/asterisk
	TimeZone string            // "": UTC
}

// Start runs Asterisk and waits until it says that it is ready. The configuration is taken as it
// is, but for a user of the management connection that may do everything. The context bounds the
// start only; [Box.Stop] ends the box.
func (i *Image) Start(ctx context.Context, o Options) (_ *Box, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("starting Asterisk: %w", err)
		}
	}()
	opt := packages.RunOptions{Env: []string{"NOTIFY_SOCKET=" + folders["run"] + "/notify"}}
	if o.TimeZone != "" {
		opt.Env = append(opt.Env, "TZ="+o.TimeZone)
	}
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		host := filepath.Join(o.Dir, name)
		if err := os.MkdirAll(host, 0o755); err != nil {
			return nil, err
		}
		opt.Binds = append(opt.Binds, packages.Bind{Host: host, Guest: folders[name], Writable: true})
	}
	// The folders that Asterisk expects in its spool and finds made on the box.
	for _, d := range []string{"spool/monitor", "spool/outgoing", "spool/voicemail", "spool/tmp", "log/cel-custom", "log/cdr-custom", "data/recordings", "data/voicemail"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	b := &Box{image: i, dir: o.Dir, ended: make(chan struct{}), grown: make(chan struct{})}
	if err := b.Write(o.Files); err != nil {
		return nil, err
	}
	ready, err := listenNotify(filepath.Join(o.Dir, "run", "notify"))
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	sandbox, err := i.store.SandboxOf(ctx, i.tree)
	if err != nil {
		return nil, err
	}
	b.cmd = sandbox.Command(context.WithoutCancel(ctx), opt, "/usr/sbin/asterisk", "-f", "-C", folders["etc"]+"/asterisk.conf")
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.cmd.Stderr = b.cmd.Stdout
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	go b.follow(out)
	defer func() {
		if err != nil {
			err = errors.Join(err, b.kill(), fmt.Errorf("it said:\n%s", strings.Join(b.Log(), "\n")))
		}
	}()
	if b.net, err = networkOf(b.cmd.Process.Pid); err != nil {
		return nil, err
	}
	if err := b.awaitReady(ctx, ready); err != nil {
		return nil, err
	}
	if b.manager, err = b.dialManager(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// Write replaces files of /etc/asterisk, each whole. Asterisk notices when it is told to.
func (b *Box) Write(files map[string][]byte) error {
	for name, text := range files {
		if name == "manager.conf" {
			text = slices.Concat(text, []byte("\n["+managerUser+"]\nsecret = "+managerSecret+"\nread = all\nwrite = all\nwritetimeout = 60000\n"))
		}
		host := filepath.Join(b.dir, "etc", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(host), 0o755), os.WriteFile(host+".new", text, 0o644), os.Rename(host+".new", host)); err != nil {
			return fmt.Errorf("writing the configuration: %w", err)
		}
	}
	return nil
}

// listenNotify opens the socket that sd_notify(3) writes to.
func listenNotify(name string) (*net.UnixConn, error) {
	// A socket's path may be no longer than 107 bytes, and a test's folder can be: so it is named
	// through the folder's descriptor.
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) { // of a box before this one
		return nil, err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(name))})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func (b *Box) awaitReady(ctx context.Context, conn *net.UnixConn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	go func() {
		<-b.ended
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}()
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("waiting for it to be ready: %w", ctx.Err())
		case err != nil:
			return fmt.Errorf("it ended before it was ready: %w", err)
		}
		if slices.Contains(strings.Split(string(buf[:n]), "\n"), "READY=1") {
			return nil
		}
	}
}

// follow keeps what Asterisk says, until it has ended.
func (b *Box) follow(out io.Reader) {
	scan := bufio.NewScanner(out)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		b.mu.Lock()
		b.lines = append(b.lines, scan.Text())
		close(b.grown)
		b.grown = make(chan struct{})
		b.mu.Unlock()
	}
	b.err = errors.Join(scan.Err(), b.cmd.Wait())
	close(b.ended)
}

// Dir returns the folder of the machine that has the box's own: etc, lib, spool, log, run, data.
func (b *Box) Dir() string { return b.dir }

// Host returns the machine's name of a file in one of the box's folders.
func (b *Box) Host(guest string) (string, error) {
	for name, dir := range folders {
		if rest, ok := strings.CutPrefix(guest, dir+"/"); ok {
			return filepath.Join(b.dir, name, rest), nil
		}
	}
	return "", fmt.Errorf("%s is in none of the box's folders", guest)
}

// Manager returns the management connection.
func (b *Box) Manager() *Manager { return b.manager }

// Pid returns the id of the sandbox's process, Asterisk's parent.
func (b *Box) Pid() int { return b.cmd.Process.Pid }

// Log returns what Asterisk has said so far, line by line.
func (b *Box) Log() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// AwaitLog waits for a line with the text in it, from the line numbered from on, and returns it.
func (b *Box) AwaitLog(ctx context.Context, from int, text string) (string, error) {
	for {
		b.mu.Lock()
		lines, grown := b.lines, b.grown
		b.mu.Unlock()
		for ; from < len(lines); from++ {
			if strings.Contains(lines[from], text) {
				return lines[from], nil
			}
		}
		select {
		case <-grown:
		case <-b.ended:
			return "", fmt.Errorf("waiting for %q in the log: Asterisk has ended", text)
		case <-ctx.Done():
			return "", fmt.Errorf("waiting for %q in the log: %w", text, ctx.Err())
		}
	}
}

// Stop ends the box and returns an error if Asterisk had not ended well.
func (b *Box) Stop(ctx context.Context) error {
	select {
	case <-b.ended:
		return fmt.Errorf("the box had ended by itself: %w", errors.Join(b.err, b.kill()))
	default:
	}
	b.manager.close()
	err := b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.ended:
		err = errors.Join(err, b.err)
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("it did not end when told to: %w", ctx.Err()))
	}
	return errors.Join(err, b.kill())
}

// kill ends what is left of the box, and forgets its network.
func (b *Box) kill() error {
	err := b.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-b.ended
	if b.net.ns != 0 {
		b.net.close()
		b.net.ns = 0
	}
	return err
}
