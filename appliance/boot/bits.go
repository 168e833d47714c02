package boot

import (
	"strconv"
	"strings"
)

// bitSet reports whether a bit is set in a bitmap as sysfs prints it: words
// of 64 bits in hexadecimal without leading zeros, the highest first.
func bitSet(bitmap string, bit int) bool {
	words := strings.Fields(bitmap)
	i := len(words) - 1 - bit/64
	if i < 0 {
		return false
	}
	w, err := strconv.ParseUint(words[i], 16, 64)
	return err == nil && w>>(bit%64)&1 == 1
}
