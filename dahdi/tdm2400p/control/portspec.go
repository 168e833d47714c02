package control

import (
	"fmt"
	"strconv"
	"strings"

	"switchroom/dahdi/tdm2400p"
)

// ParsePorts reads what sits in a card's places: "fxs:1-12,fxo:13-24",
// "fxs:1,3,5-8" (a kind holds until the next one), "" for an empty card.
func ParsePorts(spec string) (ports [tdm2400p.Ports]tdm2400p.Kind, err error) {
	kind := tdm2400p.Empty
	if spec == "" {
		return ports, nil
	}
	for item := range strings.SplitSeq(spec, ",") {
		if name, rest, ok := strings.Cut(item, ":"); ok {
			switch name {
			case "fxs":
				kind = tdm2400p.FXS
			case "fxo":
				kind = tdm2400p.FXO
			default:
				return ports, fmt.Errorf("ports %q: %q is no kind: fxs or fxo", spec, name)
			}
			item = rest
		}
		if kind == tdm2400p.Empty {
			return ports, fmt.Errorf("ports %q: the first range needs its kind, as in fxs:1-4", spec)
		}
		from, to, span := strings.Cut(item, "-")
		if !span {
			to = from
		}
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		if errA != nil || errB != nil || a < 1 || b < a || b > tdm2400p.Ports {
			return ports, fmt.Errorf("ports %q: %q is no range within 1-%d", spec, item, tdm2400p.Ports)
		}
		for p := a; p <= b; p++ {
			if ports[p-1] != tdm2400p.Empty {
				return ports, fmt.Errorf("ports %q: %d is there twice", spec, p)
			}
			ports[p-1] = kind
		}
	}
	return ports, nil
}

// FormatPorts is the inverse of ParsePorts, with offset added to the numbers.
func FormatPorts(ports [tdm2400p.Ports]tdm2400p.Kind, offset int) string {
	var parts []string
	for i := 0; i < len(ports); {
		j := i
		for j < len(ports) && ports[j] == ports[i] {
			j++
		}
		switch {
		case ports[i] == tdm2400p.Empty:
		case j-i == 1:
			parts = append(parts, fmt.Sprintf("%s:%d", ports[i], i+1+offset))
		default:
			parts = append(parts, fmt.Sprintf("%s:%d-%d", ports[i], i+1+offset, j+offset))
		}
		i = j
	}
	return strings.Join(parts, ",")
}
