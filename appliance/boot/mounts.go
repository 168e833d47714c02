package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// mountPoint is one line of the table of file systems that are there before
// the first service.
type mountPoint struct {
	dir, fs, options string
	flags            uintptr
	// early ones may have been mounted by the initramfs.
	early bool
}

const (
	noSuid = unix.MS_NOSUID
	noDev  = unix.MS_NODEV
	noExec = unix.MS_NOEXEC
)

// mountTable gives the table, in the order they are mounted in. ids looks up
// the numbers of the box's users.
func mountTable(ids *ids) []mountPoint {
	return []mountPoint{
		{dir: "/proc", fs: "proc", flags: noSuid | noDev | noExec, early: true},
		{dir: "/sys", fs: "sysfs", flags: noSuid | noDev | noExec, early: true},
		{dir: "/dev", fs: "devtmpfs", options: "mode=0755", flags: noSuid, early: true},
		{dir: "/run", fs: "tmpfs", options: "mode=0755", flags: noSuid | noDev, early: true},
		{dir: "/dev/pts", fs: "devpts", options: "gid=5,mode=0620,ptmxmode=0666", flags: noSuid | noExec},
		{dir: "/dev/shm", fs: "tmpfs", options: "mode=1777", flags: noSuid | noDev},
		{dir: "/tmp", fs: "tmpfs", options: "mode=1777", flags: noSuid | noDev},
		{dir: "/var", fs: "tmpfs", options: "mode=0755", flags: noSuid | noDev},
		{dir: "/sys/fs/cgroup", fs: "cgroup2", options: "nsdelegate,memory_recursiveprot", flags: noSuid | noDev | noExec},
		// What is rendered from the site document: written by one user, read
		// by the other.
		{dir: "/etc/asterisk", fs: "tmpfs", flags: noSuid | noDev | noExec,
			options: fmt.Sprintf("mode=0750,uid=%d,gid=%d", ids.user("provision"), ids.group("asterisk"))},
	}
}

// mountAll mounts the table, with root before every path ("" on the box).
func mountAll(root string, table []mountPoint) error {
	for _, m := range table {
		dir := root + m.dir
		if m.early && isMountPoint(dir) {
			continue
		}
		// In the read-only root the folders are there; in memory they are not.
		if err := os.MkdirAll(dir, 0o755); err != nil && !errors.Is(err, unix.EROFS) {
			return fmt.Errorf("mounting %s: %w", dir, err)
		}
		err := unix.Mount(m.fs, dir, m.fs, m.flags, m.options)
		if errors.Is(err, unix.EINVAL) && m.fs == "cgroup2" {
			// An older kernel that does not know the options.
			err = unix.Mount(m.fs, dir, m.fs, m.flags, "")
		}
		if err != nil {
			return fmt.Errorf("mounting %s (%s): %w", dir, m.fs, err)
		}
	}
	return nil
}

// isMountPoint reports whether another file system is mounted on the folder.
func isMountPoint(dir string) bool {
	var in, above unix.Stat_t
	if unix.Stat(dir, &in) != nil || unix.Stat(filepath.Dir(dir), &above) != nil {
		return false
	}
	return in.Dev != above.Dev
}

// enableControllers lets the services' groups limit memory, processor time,
// tasks and disk traffic. It gives the controllers the kernel does not have.
func enableControllers(root string) (missing []string) {
	for _, c := range []string{"cpu", "memory", "pids", "io"} {
		err := os.WriteFile(root+"/sys/fs/cgroup/cgroup.subtree_control", []byte("+"+c), 0)
		if err != nil {
			missing = append(missing, c)
		}
	}
	return missing
}

// folder is a folder in memory that programs expect.
type folder struct {
	path        string
	mode        os.FileMode
	user, group string
}

func makeFolders(root string, ids *ids, folders []folder) error {
	for _, f := range folders {
		path := root + f.path
		if err := os.MkdirAll(path, f.mode); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
		// Beyond the process's umask.
		if err := os.Chmod(path, f.mode); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
		if f.user == "" && f.group == "" {
			continue
		}
		if err := os.Chown(path, ids.user(f.user), ids.group(f.group)); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
	}
	return nil
}

// link is a symbolic link in memory: path points to target.
type link struct{ path, target string }

func makeLinks(root string, links []link) error {
	for _, l := range links {
		if err := os.MkdirAll(filepath.Dir(root+l.path), 0o755); err != nil {
			return fmt.Errorf("making a link: %w", err)
		}
		if err := os.Symlink(l.target, root+l.path); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("making a link: %w", err)
		}
	}
	return nil
}

func writeSysctl(root, name string, value int) error {
	return os.WriteFile(root+"/proc/sys/"+name, []byte(strconv.Itoa(value)+"\n"), 0)
}
