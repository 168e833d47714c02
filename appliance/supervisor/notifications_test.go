package supervisor

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"switchroom/appliance/supervisor/notify"
)

// TestReloadByItself: a service that reloads on a signal says so.
func TestReloadByItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\n"}, nil)
		b.say("a", "READY=1")
		b.say("a", "RELOADING=1")
		b.want("a reload")
		b.say("a", "READY=1")
		b.want("a running")
		b.say("a", "STOPPING=1")
		b.want("a stop-sigterm")
		b.die("a", code(0))
		b.want("a dead")
	})
}

func TestNotifyAccess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"none": "NotifyAccess=none\n",
			"main": "NotifyAccess=main\n",
			"all":  "NotifyAccess=all\n",
		}, nil)
		for _, name := range []string{"none", "main", "all"} {
			b.say(name, "STATUS=from main")
			b.sayAs(b.f.extra(name).pid, "STATUS=from child")
		}
		b.sayAs(99999, "STATUS=from nobody")
		all := b.status()
		for name, want := range map[string]string{"none": "", "main": "from main", "all": "from child"} {
			if got := all[name].Status; got != want {
				t.Errorf("%s says %q; want %q", name, got, want)
			}
		}
	})
}

// TestEarlyNotification: a process that speaks before we know its number is
// heard all the same.
func TestEarlyNotification(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\n"}, func(_ *Config, f *fake) {
			f.spawnDelay["a"] = time.Second
		})
		b.sayAs(101, "READY=1") // it will have that number
		b.want("a start")
		b.pass(2 * time.Second)
		b.want("a running")
	})
}

func TestMainPID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\nNotifyAccess=all\n", "b": ""}, nil)
		other := b.f.extra("a")
		first := b.main("a")
		b.say("a", "READY=1\nMAINPID=999999")
		b.say("a", "MAINPID="+itoa(other.pid))
		if got := b.status()["a"].MainPID; got != other.pid {
			t.Errorf("main process = %d; want %d", got, other.pid)
		}
		b.exit(first, code(0)) // it is no more the main one
		b.want("a running, b running")
		b.exit(other, code(5))
		b.want("a failed, b running")
	})
}

// TestFDStore: files given to us come back at the next start, and go with the
// service's end.
func TestFDStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\nFileDescriptorStoreMax=2\nRestart=always\n"}, nil)
		give := func(name string) *notify.File {
			msg := mustParse(t, "FDSTORE=1\nFDNAME="+name)
			f := newFile(t)
			msg.PID, msg.Files = b.main("a").pid, []*notify.File{f}
			b.m.notified(msg)
			synctest.Wait()
			return f
		}
		closed := func(f *notify.File) bool {
			_, err := unix.FcntlInt(uintptr(f.FD()), unix.F_GETFD, 0)
			return err == unix.EBADF
		}
		one, two, three := give("one"), give("two"), give("three")
		if closed(one) || closed(two) || !closed(three) {
			t.Errorf("closed: %v %v %v; want only the third, for which there is no room", closed(one), closed(two), closed(three))
		}
		b.say("a", "FDSTOREREMOVE=1\nFDNAME=one")
		if !closed(one) {
			t.Error("a removed file is still open")
		}
		b.die("a", code(1))
		b.pass(time.Second)
		fds := b.main("a").req.fds
		if len(fds) != 1 || fds[0].name != "two" || closed(two) {
			t.Errorf("the next start got %v; want the file two", fds)
		}
		must(t, b.m.Stop(t.Context(), "a"))
		if !closed(two) {
			t.Error("a stopped service's file is still open")
		}
	})
}

// TestBarrier: its file is closed once all before it was handled.
func TestBarrier(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": ""}, nil)
		f := newFile(t)
		msg := mustParse(t, "BARRIER=1")
		msg.PID, msg.Files = b.main("a").pid, []*notify.File{f}
		b.m.notified(msg)
		synctest.Wait()
		if _, err := unix.FcntlInt(uintptr(f.FD()), unix.F_GETFD, 0); err != unix.EBADF {
			t.Error("the barrier's file is still open")
		}
	})
}
