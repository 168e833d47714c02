// Command nice stands for nice and the shell in tests: it is called as "nice -n 10 bash /script 2"
// and does what the script's only word says.
package main

import (
	"fmt"
	"os"
	"slices"
	"time"
)

func main() {
	if !slices.Equal(os.Args[1:5], []string{"-n", "10", "bash", "/script"}) || len(os.Args) != 6 {
		fmt.Println("called with", os.Args)
		os.Exit(2)
	}
	script, err := os.ReadFile("/script")
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	fmt.Println("@ doing", string(script))
	switch string(script) {
	case "copy":
		b, err := os.ReadFile("/in/input")
		if err == nil {
			err = os.WriteFile("/work/scratch", b, 0o644)
		}
		if err == nil {
			err = os.WriteFile("/out/result", b, 0o644)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case "fail":
		fmt.Println("this is why")
		os.Exit(1)
	case "wait":
		time.Sleep(time.Hour)
	}
}
