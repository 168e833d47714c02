// Command probe is what the sandbox's tests run in it: it does what its first argument says.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if err := do(os.Args[1], os.Args[2:]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func do(what string, args []string) error {
	switch what {
	case "exit":
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		os.Exit(n)
	case "die":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "read":
		b, err := os.ReadFile(args[0])
		fmt.Print(string(b))
		return err
	case "write":
		return os.WriteFile(args[0], []byte(args[1]), 0o644)
	case "say":
		dir, err := os.Getwd()
		if err != nil {
			return err
		}
		host, err := os.Hostname()
		if err != nil {
			return err
		}
		fmt.Println(os.Getuid(), dir, host, os.Getenv("MORE"), os.Getpid() == 1)
	case "links":
		all, err := net.Interfaces()
		for _, i := range all {
			fmt.Println(i.Name, i.Flags&net.FlagUp != 0)
		}
		return err
	case "dial":
		c, err := net.Dial("tcp", args[0])
		if err != nil {
			return err
		}
		return c.Close()
	case "fd":
		_, err := io.WriteString(os.NewFile(3, "fd"), "through descriptor 3")
		return err
	case "term": // ends with 42 when it is asked to
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("ready")
		<-c
		os.Exit(42)
	case "tree": // a child that outlives its parent, and holds standard output open
		cmd := exec.Command("/proc/self/exe", "sleep")
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return err
		}
		fmt.Println("ready")
		if args[0] == "leave" {
			return nil
		}
		return cmd.Wait()
	case "sleep":
		time.Sleep(time.Hour)
	}
	return nil
}
