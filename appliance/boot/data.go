package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"switchroom/appliance/boot/gpt"
)

// Data says what became of the data partition.
type Data struct {
	// Volatile: /data is in memory, and lost at the next restart. Reason says
	// why.
	Volatile bool   `json:"volatile"`
	Reason   string `json:"reason,omitempty"`
	Device   string `json:"device,omitempty"` // "sda5"
	Size     int64  `json:"size,omitempty"`   // bytes of the partition
	Created  bool   `json:"created,omitempty"`
	Grown    bool   `json:"grown,omitempty"`
	Repaired bool   `json:"repaired,omitempty"`
	// Ready is false until /data is there.
	Ready bool `json:"ready"`
}

const dataDir = "/data"

// volatileOptions bounds what a box without a disk may keep in memory.
const volatileOptions = "mode=0755,size=25%"

// dataFolders are on the data partition.
var dataFolders = []folder{
	{path: "/data/log", mode: 0o755},
	// The site document's revisions, which only provision may read, and what
	// everybody may know of it.
	{path: "/data/config", mode: 0o755, user: "provision", group: "provision"},
	// What the owner has recorded: Asterisk plays it.
	{path: "/data/prompts", mode: 0o755, user: "provision", group: "provision"},
	{path: "/data/asterisk", mode: 0o755},
	{path: "/data/asterisk/lib", mode: 0o750, user: "asterisk", group: "asterisk"},
	{path: "/data/asterisk/lib/keys", mode: 0o750, user: "asterisk", group: "asterisk"},
	{path: "/data/asterisk/spool", mode: 0o750, user: "asterisk", group: "asterisk"},
	{path: "/data/asterisk/spool/tmp", mode: 0o750, user: "asterisk", group: "asterisk"},
	// The records service, of Asterisk's group, takes recordings and logs away.
	{path: "/data/asterisk/spool/monitor", mode: 0o770, user: "asterisk", group: "asterisk"},
	{path: "/data/asterisk/spool/outgoing", mode: 0o750, user: "asterisk", group: "asterisk"},
	{path: "/data/asterisk/spool/recording", mode: 0o750, user: "asterisk", group: "asterisk"},
	{path: "/data/asterisk/spool/voicemail", mode: 0o750, user: "asterisk", group: "asterisk"},
	{path: "/data/asterisk/log", mode: 0o770, user: "asterisk", group: "asterisk"},
	{path: "/data/asterisk/log/cel-custom", mode: 0o770, user: "asterisk", group: "asterisk"},
	{path: "/data/calls", mode: 0o770, user: "records", group: "records"},
	{path: "/data/recordings", mode: 0o750, user: "records", group: "records"},
	{path: "/data/panel", mode: 0o700, user: "panel", group: "panel"},
}

// setupData puts /data in place, whatever happens.
func (s *System) setupData(ctx context.Context, who *ids) {
	defer close(s.dataReady)
	start := time.Now()
	d, err := s.mountData(ctx)
	if err != nil {
		d.Volatile, d.Reason = true, err.Error()
		s.problem("the data are kept in memory and will be lost at the next restart: %v", err)
		if err := unix.Mount("tmpfs", dataDir, "tmpfs", noSuid|noDev, volatileOptions); err != nil {
			s.problem("there is no place for data at all: %v", err)
		}
	}
	if err := makeFolders("", who, dataFolders); err != nil {
		s.problem("the data partition cannot be written: %v", err)
	}
	s.takeFirstDocument(who)
	if st, err := os.Stat(lastTimeFile); err == nil {
		s.notBefore(st.ModTime(), "the time this box last ran")
	}
	if name := readHostname(hostnameFile); name != "" {
		s.name(name)
	}
	d.Ready = true
	s.mu.Lock()
	s.state.Data = d
	s.mu.Unlock()
	s.log.Info("data ready", "device", d.Device, "volatile", d.Volatile, "created", d.Created, "grown", d.Grown,
		"repaired", d.Repaired, "took", time.Since(start).Round(time.Millisecond))
}

// mountData mounts the data partition of the disk the box started from, after
// making, growing or repairing it.
func (s *System) mountData(ctx context.Context) (Data, error) {
	diskName := s.State().Disk
	if diskName == "" {
		return Data{}, errors.New("the box was not started from a disk")
	}
	// The driver of the file system beside the rest.
	driver := make(chan error, 1)
	go func() { driver <- s.load("ext4") }()

	d, err := openDisk("/dev/" + diskName)
	if err != nil {
		return Data{}, err
	}
	defer d.Close()
	plan, err := planData(d)
	if err != nil {
		return Data{}, err
	}
	data := Data{
		Size:    int64(plan.partition.Last-plan.partition.First+1) * int64(d.block),
		Created: plan.created,
		Grown:   plan.grown,
	}
	if plan.created {
		data.Device, err = s.createData(ctx, d, diskName, plan)
	} else {
		data.Device, data.Repaired, err = s.checkData(ctx, d, diskName, plan)
	}
	if err != nil {
		return data, err
	}
	if err := <-driver; err != nil {
		return data, err
	}
	node := "/dev/" + data.Device
	if err := unix.Mount(node, dataDir, "ext4", noSuid|noDev|unix.MS_NOATIME, "errors=remount-ro"); err != nil {
		return data, fmt.Errorf("mounting the data partition %s: %w", data.Device, err)
	}
	if err := growMounted(node, data.Size); err != nil {
		s.problem("%v", err)
	}
	return data, nil
}

// createData makes the partition's file system first, and writes the table
// last: an entry in the table means that there is a file system, so a power
// cut on the way only makes the next boot begin anew, and no file system is
// ever made over data.
func (s *System) createData(ctx context.Context, d *drive, diskName string, plan *dataPlan) (string, error) {
	if err := d.tellKernel(unix.BLKPG_ADD_PARTITION, plan.partition); err != nil {
		return "", err
	}
	device, err := nodeOf("/sys", diskName, plan.partition.Number)
	if err != nil {
		return "", err
	}
	if err := makeExt4(ctx, s.run, "/dev/"+device, dataName); err != nil {
		return "", err
	}
	if err := d.Sync(); err != nil {
		return "", fmt.Errorf("writing the new file system: %w", err)
	}
	if err := plan.table.Write(d); err != nil {
		return "", err
	}
	return device, nil
}

// checkData checks the file system of a partition that was there before.
func (s *System) checkData(ctx context.Context, d *drive, diskName string, plan *dataPlan) (device string, repaired bool, err error) {
	if plan.grown || plan.table.Moved {
		if err := plan.table.Write(d); err != nil {
			return "", false, err
		}
	}
	if plan.grown {
		if err := d.tellKernel(unix.BLKPG_RESIZE_PARTITION, plan.partition); err != nil {
			return "", false, err
		}
	}
	device, err = nodeOf("/sys", diskName, plan.partition.Number)
	if err != nil {
		return "", false, err
	}
	repaired, err = checkExt4(ctx, s.run, "/dev/"+device)
	return device, repaired, err
}

// growMounted makes the file system in /data fill its partition.
func growMounted(node string, size int64) error {
	f, err := os.Open(node)
	if err != nil {
		return err
	}
	defer f.Close()
	sb, ok, err := readSuper(f)
	if err != nil || !ok {
		return err
	}
	if size-int64(sb.blocks*sb.blockSize) < minData {
		return nil
	}
	return growExt4(dataDir, sb, size)
}

// load loads a driver, if the box has any to load.
func (s *System) load(name string) error {
	if s.modules == nil {
		return nil
	}
	return s.modules.Load(name, "")
}

var _ gpt.Disk = (*drive)(nil)
