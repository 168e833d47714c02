//go:build vm

package system

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"switchroom/appliance/rescue"
	"switchroom/image/disk"
)

// rescuePassword opens the shell of a box that a test has allowed to have one.
const rescuePassword = "let me look into it"

// allowRescue is what an owner does who wants a shell on the serial console.
func allowRescue(env *disk.Grubenv) {
	a, err := rescue.Allow(rescuePassword)
	if err != nil {
		panic(err) // the password is long enough
	}
	env.SetExtraCmdline(a.String())
}

// logIn opens the shell on the serial console.
func (b *box) logIn() {
	b.Helper()
	b.console("The password, please:")
	if err := b.vm.Type(rescuePassword + "\r"); err != nil {
		b.Fatal(err)
	}
	b.shell("true")
}

var isMilestone = regexp.MustCompile(milestone)

// shell runs a command in the box, as root, and returns what it printed.
func (b *box) shell(command string) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	b.commands++
	from := b.vm.Console.Last()
	// The terminal echoes what is typed: the marks must look different in it.
	line := fmt.Sprintf(`echo be""gin-%d; %s; echo "en""d-%d-$?"`, b.commands, command, b.commands)
	if err := b.vm.Type(line + "\r"); err != nil {
		b.Fatal(err)
	}
	begin, _, err := b.vm.Console.Wait(ctx, from, regexp.MustCompile(fmt.Sprintf(`\bbegin-%d$`, b.commands)))
	if err != nil {
		b.Fatal(err)
	}
	end, m, err := b.vm.Console.Wait(ctx, begin.Number, regexp.MustCompile(fmt.Sprintf(`^(.*)end-%d-([0-9]+)$`, b.commands)))
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for n := begin.Number; ; {
		l, err := b.vm.Console.Next(ctx, n)
		if err != nil {
			b.Fatal(err)
		}
		if n = l.Number; n == end.Number {
			break
		}
		if !isMilestone.MatchString(l.Text) {
			out = append(out, l.Text)
		}
	}
	if m[1] != "" {
		out = append(out, m[1])
	}
	text := strings.Join(out, "\n")
	if m[2] != "0" {
		b.Fatalf("%s: exit status %s\n%s", command, m[2], text)
	}
	return text
}

// memoryUsed is what of the guest's memory is in use, in MiB.
func (b *box) memoryUsed() float64 {
	b.Helper()
	kib := map[string]float64{}
	for line := range strings.Lines(b.shell("cat /proc/meminfo")) {
		if f := strings.Fields(line); len(f) >= 2 {
			if n, err := strconv.ParseFloat(f[1], 64); err == nil {
				kib[strings.TrimSuffix(f[0], ":")] = n
			}
		}
	}
	if kib["MemTotal"] == 0 || kib["MemAvailable"] == 0 {
		b.Fatalf("no memory in /proc/meminfo: %v", kib)
	}
	return (kib["MemTotal"] - kib["MemAvailable"]) / 1024
}
