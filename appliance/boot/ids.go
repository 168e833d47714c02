package boot

import (
	"os"
	"strconv"
	"strings"
)

// ids are the users and groups of the box by name, from /etc/passwd and
// /etc/group. Who is not there is root: a folder then is too private, never
// too open.
type ids struct {
	users, groups map[string]int
}

func readIDs(root string) *ids {
	return &ids{users: readColons(root + "/etc/passwd"), groups: readColons(root + "/etc/group")}
}

// readColons reads "name:password:number:…".
func readColons(path string) map[string]int {
	m := map[string]int{}
	b, err := os.ReadFile(path)
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 3 {
			continue
		}
		if n, err := strconv.Atoi(f[2]); err == nil {
			m[f[0]] = n
		}
	}
	return m
}

func (i *ids) user(name string) int  { return i.users[name] }
func (i *ids) group(name string) int { return i.groups[name] }
