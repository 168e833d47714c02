//go:build vm

package system

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// socket is a line of /proc/net/{tcp,udp}{,6} that takes what comes from
// anybody.
type socket struct {
	port     int
	loopback bool
	client   bool // UDP on a port that the kernel chose: answers only
	text     string
}

// sockets reads these files, one after the other.
func sockets(text string) (all []socket) {
	udp := false
	tables := 0
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		if f[0] == "sl" {
			tables++
			udp = tables > 2
			continue
		}
		address, hexPort, ok := strings.Cut(f[1], ":")
		port, err := strconv.ParseUint(hexPort, 16, 16)
		if !ok || err != nil {
			continue
		}
		if state := f[3]; !udp && state != "0A" || udp && state != "07" { // LISTEN, unconnected
			continue
		}
		raw, err := hex.DecodeString(address)
		if err != nil {
			continue
		}
		// In words of four bytes, each in the machine's order.
		loopback := len(raw) == 4 && raw[3] == 127 || len(raw) == 16 && address == "00000000000000000000000001000000"
		all = append(all, socket{
			port: int(port), loopback: loopback, client: udp && (port >= 32768 || port == 68 || port == 546),
			text: fmt.Sprintf("udp=%v %s port %d", udp, address, port),
		})
	}
	return all
}
