package provisioning

import (
	"encoding/json"
	"strconv"
)

// migrate brings the nodes of a document of an earlier version up to date. A
// document that names no version is of the present one.
func migrate(root *node) Faults {
	if root.kind != object {
		return Faults{{Code: WantObject, args: []any{root.describe()}}}
	}
	version := root.get("version")
	if version == nil {
		return nil
	}
	num, isNumber := version.value.(json.Number)
	n, err := strconv.Atoi(num.String())
	switch {
	case !isNumber || err != nil:
		return Faults{{Path: "version", Code: WantInt, args: []any{version.describe()}}}
	case n == Version:
		return nil
	case n == 1:
		return migrate1(root)
	}
	return Faults{{Path: "version", Code: WrongVersion, args: []any{n, Version}}}
}

// site1 is the document of version 1. Every field had to be given but names.
type site1 struct {
	Version    int          `json:"version"`
	Country    string       `json:"country" need:"yes"`
	Language   string       `json:"language" need:"yes"`
	TimeZone   string       `json:"timeZone" need:"yes"`
	Extensions []extension1 `json:"extensions"`
	Queues     []queue1     `json:"queues"`
	Lines      []line1      `json:"lines"`
}

type extension1 struct {
	Number string `json:"number" need:"yes"`
	Name   string `json:"name"`
	Port   int    `json:"port" need:"yes"`
}

type queue1 struct {
	Number  string   `json:"number" need:"yes"`
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

type line1 struct {
	Port  int    `json:"port" need:"yes"`
	Queue string `json:"queue" need:"yes"`
}

// migrate1 turns a document of version 1 into one of version 2 that does the
// same: lines led to queues, and nobody could call outside.
func migrate1(root *node) Faults {
	var old site1
	if faults := bind(root, &old); len(faults) > 0 {
		return faults
	}
	text := func(s string) *node { return &node{value: s} }
	number := func(n int) *node { return &node{value: json.Number(strconv.Itoa(n))} }
	new2 := &node{kind: object, offset: root.offset}
	put := func(n *node, name string, v *node) { n.names, n.members = append(n.names, name), append(n.members, v) }
	put(new2, "version", number(2))
	put(new2, "country", text(old.Country))
	put(new2, "language", text(old.Language))
	put(new2, "timeZone", text(old.TimeZone))

	extensions, queues := &node{kind: list}, &node{kind: list}
	for _, e := range old.Extensions {
		n := &node{kind: object}
		put(n, "number", text(e.Number))
		put(n, "name", text(e.Name))
		put(n, "port", number(e.Port))
		extensions.members = append(extensions.members, n)
	}
	for _, q := range old.Queues {
		n, members := &node{kind: object}, &node{kind: list}
		for _, m := range q.Members {
			members.members = append(members.members, text(m))
		}
		put(n, "number", text(q.Number))
		put(n, "name", text(q.Name))
		put(n, "members", members)
		queues.members = append(queues.members, n)
	}
	put(new2, "extensions", extensions)
	put(new2, "queues", queues)

	// One route for the lines of a queue, in the order in which the queues appear.
	lines, inbound := &node{kind: list}, &node{kind: list}
	from := map[string]*node{}
	for _, l := range old.Lines {
		n := &node{kind: object}
		put(n, "port", number(l.Port))
		put(n, "name", text(lineName(l.Port)))
		lines.members = append(lines.members, n)
		if from[l.Queue] == nil {
			from[l.Queue] = &node{kind: list}
			route := &node{kind: object}
			put(route, "from", from[l.Queue])
			put(route, "to", text(string(To(ToQueue, l.Queue))))
			inbound.members = append(inbound.members, route)
		}
		from[l.Queue].members = append(from[l.Queue].members, text(lineName(l.Port)))
	}
	put(new2, "lines", lines)
	put(new2, "inbound", inbound)
	put(new2, "outbound", &node{kind: list})
	*root = *new2
	return nil
}
