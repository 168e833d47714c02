//go:build vm

package system

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchroom/dahdi/tdm2400p/control"
	"switchroom/dahdi/tone"
	"switchroom/image/qemu"
)

// What is measured here is told in lines of a table, for the README. It says
// something only on a machine that does nothing else.

// boots is how often a boot is measured.
const boots = 5

// row prints a line of the table.
func row(b *testing.B, what string, format string, args ...any) {
	b.Helper()
	fmt.Printf("| %s | %s |\n", what, fmt.Sprintf(format, args...))
}

func BenchmarkVMBoot(b *testing.B) {
	for _, c := range []struct {
		name     string
		firmware qemu.Firmware
		cards    []string
	}{
		{"BIOS, no card", qemu.BIOS, nil},
		{"BIOS, 24 telephones", qemu.BIOS, []string{allPhones}},
		{"UEFI, no card", qemu.UEFI, nil},
		{"UEFI, 24 telephones", qemu.UEFI, []string{allPhones}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var kernel, supervisor, ports, asterisk, total []float64
			for range boots {
				run := &bootRun{TB: b}
				box := start(run, machine{firmware: c.firmware, cards: c.cards})
				up := box.until("supervisor started")
				ready := box.until("asterisk ready")
				if len(c.cards) > 0 {
					ports = append(ports, box.until("dahdi configured")-up)
				}
				ctx, cancel := box.limit()
				line, _, err := box.vm.Console.Wait(ctx, 0, regexp.MustCompile(milestone+"asterisk ready"))
				cancel()
				if err != nil {
					b.Fatal(err)
				}
				kernel = append(kernel, line.At.Seconds()-ready)
				supervisor = append(supervisor, up)
				asterisk = append(asterisk, ready-up)
				total = append(total, line.At.Seconds())
				run.end()
			}
			b.ReportMetric(median(total), "s/boot")
			text := fmt.Sprintf("**%.1f s** (to the kernel %.1f, supervisor %.1f, ", median(total), median(kernel), median(supervisor))
			if len(ports) > 0 {
				text += fmt.Sprintf("of that on DAHDI configured %.1f, ", median(ports))
			}
			row(b, "QEMU start → Asterisk ready, "+c.name+", "+string(lab.host.Accel), "%sAsterisk ready %.1f)", text, median(asterisk))
		})
	}
}

// bootRun ends what belongs to one boot before the benchmark ends.
type bootRun struct {
	testing.TB
	cleanups []func()
}

func (r *bootRun) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *bootRun) end() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	r.cleanups = nil
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func BenchmarkVMIdle(b *testing.B) {
	b.Run("memory", func(b *testing.B) {
		box := start(b, machine{cards: []string{allPhones}, grubenv: allowRescue})
		box.until("healthy")
		box.logIn()
		used := box.memoryUsed()
		b.ReportMetric(used, "MiB")
		row(b, "guest memory in use, idle, 24 telephones", "%.0f MiB", used)

		// A minute of the guest's time, for the processors are the guest's.
		before, from := box.cpuTimes()
		box.shell("sleep 60")
		after, to := box.cpuTimes()
		var shares []string
		for _, name := range slices.Sorted(maps.Keys(after)) {
			shares = append(shares, fmt.Sprintf("%s %.2f", name, 100*(after[name]-before[name])/(to-from)))
		}
		row(b, "of a core, idle, 24 telephones, "+string(lab.host.Accel)+", %", "%s", strings.Join(shares, ", "))
	})
	b.Run("emulator", func(b *testing.B) {
		emulator := startEmulator(b)
		box := start(b, machine{sockets: []string{emulator.pci}})
		box.until("healthy")
		ctx, cancel := box.limit()
		defer cancel()
		client, err := control.Dial(ctx, emulator.control)
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		// Whole seconds of wall time, for it is the wall clock it is held against.
		var rates []float64
		cpu := emulator.cpu(b)
		began := time.Now()
		frames := framesOf(b, client)
		for range 20 {
			time.Sleep(time.Second)
			now := framesOf(b, client)
			rates = append(rates, float64(now-frames))
			frames = now
		}
		share := 100 * (emulator.cpu(b) - cpu).Seconds() / time.Since(began).Seconds()
		b.ReportMetric(median(rates), "frames/s")
		b.ReportMetric(share, "%cpu")
		row(b, "emulator, 24 idle ports: frames a second, median", "%.0f", median(rates))
		row(b, "emulator, 24 idle ports: share of a core", "%.0f %%", share)
	})
}

// cpuTimes is how many seconds the processes of every service have computed, and
// when that was, in the guest's seconds.
func (b *box) cpuTimes() (times map[string]float64, at float64) {
	b.Helper()
	times = map[string]float64{}
	for _, s := range b.status().Services {
		if s.MainPID == 0 || s.Name == "console.service" {
			continue
		}
		text := b.shell(fmt.Sprintf("cat /proc/%d/stat", s.MainPID))
		times[strings.TrimSuffix(s.Name, ".service")] = processorTime(b, text).Seconds()
	}
	times["supervisor"] = processorTime(b, b.shell("cat /proc/1/stat")).Seconds()
	uptime, _, _ := strings.Cut(b.shell("cat /proc/uptime"), " ")
	at, err := strconv.ParseFloat(uptime, 64)
	if err != nil {
		b.Fatal(err)
	}
	return times, at
}

func framesOf(b *testing.B, c *control.Client) uint64 {
	b.Helper()
	stats, err := c.Stats(b.Context(), 1)
	if err != nil {
		b.Fatal(err)
	}
	return stats.Frames
}

// emulator is the program tdm2400p, as a process of its own so that its
// processor time can be told from the tests'.
type emulator struct {
	pci, control string
	cmd          *exec.Cmd
}

func startEmulator(b *testing.B) *emulator {
	b.Helper()
	dir, err := os.MkdirTemp("", "emu-")
	if err != nil {
		b.Fatal(err)
	}
	program := filepath.Join(dir, "tdm2400p")
	if out, err := exec.Command("go", "build", "-o", program, "switchroom/dahdi/cmd/tdm2400p").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	e := &emulator{pci: filepath.Join(dir, "pci.sock"), control: filepath.Join(dir, "ctl.sock")}
	e.cmd = exec.Command(program, "serve", "-pci", e.pci, "-control", e.control, "-ports", allPhones)
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := e.cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = e.cmd.Process.Kill() // after the machine, whose cleanup was registered later
		_ = e.cmd.Wait()
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	in := bufio.NewScanner(said)
	for in.Scan() {
		if strings.Contains(in.Text(), "control ready") {
			go func() {
				for in.Scan() { // or it would block
				}
			}()
			return e
		}
	}
	b.Fatal("the emulator ended before it was ready")
	return nil
}

// cpu is the processor time it has used.
func (e *emulator) cpu(b *testing.B) time.Duration {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	return processorTime(b, string(data))
}

// processorTime reads fields 14 and 15 of proc(5)'s stat, which are in ticks of
// which a second has 100 on every Linux of ours.
func processorTime(t testing.TB, stat string) time.Duration {
	t.Helper()
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+2:])
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("%s: %v %v", stat, err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// settling is how long the echo may take until its path has found its delay.
// The first octets of a call come back late by as much as Asterisk took to
// answer; each time that it takes longer than ever before, some silence slips in.
const settling = 10 // s

// BenchmarkVMEcho sends random octets through Asterisk's echo, and counts those
// that come back as others in the minute after it has settled.
func BenchmarkVMEcho(b *testing.B) {
	box := start(b, machine{cards: []string{allPhones}})
	box.until("healthy")
	box.everybodyHangsUp()
	one := box.phone(1)
	one.lifts()
	one.hears(tone.Dial)
	one.dials("*43")
	box.pass(2000)

	const seconds = settling + 60
	random := rand.New(rand.NewPCG(1, 2))
	sent := make([]byte, seconds*tone.Rate)
	for i := range sent {
		sent[i] = byte(random.Uint32())
	}
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	if err := one.Record(ctx, (seconds+3)*1000); err != nil {
		b.Fatal(err)
	}
	// A request is a line of a bounded length.
	for part := range slices.Chunk(sent, 10*tone.Rate) {
		if err := one.Play(ctx, control.PlayArgs{Wire: part}); err != nil {
			b.Fatal(err)
		}
	}
	e, err := one.Wait(ctx, "recorded", nil, (seconds+10)*1000)
	if err != nil {
		b.Fatal(err)
	}
	heard, err := one.Recording(ctx, uint64(e.Data["from"].(float64)), uint64(e.Data["to"].(float64)))
	if err != nil {
		b.Fatal(err)
	}
	// µ-law has two zeros, and the kernel's tables know one: 0x7f is 0xff.
	for i := range sent {
		if sent[i] == 0x7f {
			sent[i] = 0xff
		}
	}
	wrong, slips := compareEcho(b, sent, heard.Wire)
	b.ReportMetric(float64(wrong), "wrong-octets")
	row(b, "octets that came back wrong from a minute of echo", "%d of %d", wrong, len(sent)-settling*tone.Rate)
	row(b, "slips while the echo settled", "%d", slips)
}

// compareEcho counts the octets that are wrong after the settling time, and the
// slips before it. It fails if what was sent is not to be found again.
func compareEcho(b *testing.B, sent, heard []byte) (wrong, slips int) {
	b.Helper()
	const key = 64 // octets by which a place is known
	at := bytes.Index(heard, sent[:key])
	if at < 0 {
		b.Fatal("what was sent did not come back")
	}
	shift := at
	for i := 0; i < len(sent); {
		if i+shift < len(heard) && heard[i+shift] == sent[i] {
			i++
			continue
		}
		if i >= settling*tone.Rate {
			b.Errorf("%.3f s after the beginning an octet is wrong", float64(i)/tone.Rate)
		}
		// Where does it go on?
		next := -1
		for from := i; from+key <= len(sent) && next < 0; from += key {
			if j := bytes.Index(heard[i+shift:], sent[from:from+key]); j >= 0 {
				next = i + shift + j - from
				if from >= settling*tone.Rate {
					wrong += from - max(i, settling*tone.Rate)
				}
				b.Logf("%.3f s: %d octets lost, delay %+d octets", float64(i)/tone.Rate, from-i, next-shift)
				i = from
			}
		}
		if next < 0 {
			wrong += len(sent) - max(i, settling*tone.Rate)
			return wrong, slips
		}
		if next != shift {
			slips++
		}
		shift = next
	}
	return wrong, slips
}

func BenchmarkVMMachine(b *testing.B) {
	row(b, "measured on", "%d processors, %s, %s", runtime.NumCPU(), cpuModel(), lab.host.Accel)
	info, err := os.Stat(lab.image + ".zst")
	if err == nil {
		row(b, "image, compressed", "%.1f MB", float64(info.Size())/1e6)
	}
}

// cpuModel is what the host's processor calls itself.
func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "an unknown processor"
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown processor"
}
