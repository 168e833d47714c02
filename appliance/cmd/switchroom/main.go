// Switchroom is the one program of the appliance. Each of its processes is one
// of its subcommands; those without a service are for people.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"switchroom/appliance/network"
	"switchroom/appliance/prompts"
	"switchroom/appliance/rescue"
	"switchroom/appliance/supervisor/control"
	"switchroom/appliance/supervisor/process"
	"switchroom/dahdi/dahdictl"
)

func main() { os.Exit(start(os.Args, os.Stdout, os.Stderr)) }

// A command is a subcommand.
type command struct {
	name, args, help string
	run              func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

// errUsage asks for the list of commands.
var errUsage = errors.New("no such command")

// A command that has told the person what is wrong has nothing to add.
var (
	errTold      = errors.New("it was told")
	errUsageTold = errors.New("it was told how it is used")
)

// start runs the subcommand and gives the exit status.
func start(argv []string, stdout, stderr io.Writer) int {
	if argv[0] == process.HelperName {
		return process.Helper(argv[1:])
	}
	if argv[0] == prompts.ChildName {
		return prompts.Child(argv[1:])
	}
	// The supervisor has its own way with signals.
	ctx := context.Background()
	if len(argv) < 2 || argv[1] != "supervisor" {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
	}
	err := run(ctx, argv[1:], stdout, stderr)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		usage(stderr)
		return 2
	case errors.Is(err, errUsageTold):
		return 2
	case errors.Is(err, errTold):
		return 1
	case errors.Is(err, context.Canceled):
		return 130
	}
	var refused *control.Error
	if errors.As(err, &refused) {
		err = errors.New(refused.Text)
	}
	fmt.Fprintf(stderr, "switchroom: %v\n", err)
	return 1
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	table := commands()
	i := slices.IndexFunc(table, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		return errUsage
	}
	return table[i].run(ctx, args[1:], stdout, stderr)
}

func commands() []command {
	client := &control.Client{Path: socketPath()}
	return []command{
		{"status", "[--json]", "the state of the box and its services", status(client)},
		{"logs", "[-f] [-n lines] [service]", "what services have said", logs(client)},
		{"start", "<service>", "start a service and what it requires", operation(client, control.OpStart, 1)},
		{"stop", "<service>", "stop a service and what requires it", operation(client, control.OpStop, 1)},
		{"restart", "<service>", "stop it and start it", operation(client, control.OpRestart, 1)},
		{"reload", "<service>", "have it read its configuration anew", operation(client, control.OpReload, 1)},
		{"reboot", "", "stop everything and start the machine again", operation(client, control.OpReboot, 0)},
		{"poweroff", "", "stop everything and switch off", operation(client, control.OpPowerOff, 0)},
		{"version", "", "the version of the firmware", printVersion},
		{"supervisor", "", "run the services (process 1 of the box)", supervise},
		{"ports", "", "drive the telephony cards", cards},
		{"dahdictl", "<command>", "look at the ports of the telephone cards, and set them", dahdictl.Main},
		{"network", "[-interface port]", "keep the first Ethernet port up", network.Main},
		{"panel", "[-device port] [-console tty]", "the front panel, and the same screens on the video console", frontPanel(client)},
		{"rescue", "[allow]", "a shell on the serial console, if the owner allows it", rescue.Main},
		{"site", "<command>", "the site document: validate, render, diff, apply, export, import, revisions, revert", site(client)},
		{"records", "[list|show|report|export]", "make records of calls; look at them, count them", records},
		{"prompts", "<command>", "recordings: list, upload, remove, replace, restore", spoken},
		{"modprobe", "<module> [parameter=value…]", "load a driver", loadModule},
	}
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: switchroom <command>\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-38s %s\n", strings.TrimSpace(c.name+" "+c.args), c.help)
	}
}

// socketPath is where the supervisor listens.
func socketPath() string {
	if dir := os.Getenv("SWITCHROOM_RUN_DIR"); dir != "" {
		return dir + "/" + control.SocketName
	}
	return "/run/switchroom/" + control.SocketName
}
