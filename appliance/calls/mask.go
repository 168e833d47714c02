package calls

import (
	"slices"
	"strings"
)

// Mask hides the middle of a number: with 3 and 4 to keep, 13900000001 becomes
// 139****0001. At least four digits are hidden, whatever is to be kept.
// Numbers with fewer than seven digits name extensions and services, not
// people, and are left as they are.
func Mask(number string, first, last int) string {
	digits := 0
	for _, r := range number {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	if digits < 7 {
		return number
	}
	// At least four are hidden, the first and the last making room in turn.
	first, last = min(max(first, 0), digits), min(max(last, 0), digits)
	for first+last > digits-4 {
		if first >= last {
			first--
		} else {
			last--
		}
	}
	var b strings.Builder
	n := 0
	for _, r := range number {
		if r >= '0' && r <= '9' {
			n++
			if n > first && n <= digits-last {
				r = '*'
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Viewer is who looks at records.
type Viewer struct {
	// Numbers is the right to see the numbers of people outside.
	Numbers bool
	// KeepFirst and KeepLast are how many digits others see of them.
	KeepFirst, KeepLast int
}

func (v Viewer) mask(s string) string { return Mask(s, v.KeepFirst, v.KeepLast) }

// For returns the record as a viewer may see it. The receiver is not changed.
func (c Call) For(v Viewer) Call {
	if v.Numbers {
		return c
	}
	c.Caller = c.Caller.masked(v)
	c.Dialled = v.mask(c.Dialled)
	c.Path = slices.Clone(c.Path)
	for i := range c.Path {
		c.Path[i].Name, c.Path[i].Key = v.mask(c.Path[i].Name), v.mask(c.Path[i].Key)
	}
	c.Legs = slices.Clone(c.Legs)
	for i := range c.Legs {
		c.Legs[i].Party = c.Legs[i].Party.masked(v)
	}
	c.Transfers = slices.Clone(c.Transfers)
	for i := range c.Transfers {
		c.Transfers[i].By, c.Transfers[i].To = v.mask(c.Transfers[i].By), v.mask(c.Transfers[i].To)
	}
	return c
}

// masked hides the number, and the name that came with it from outside.
func (p Party) masked(v Viewer) Party {
	if p.Seat != "" || p.Agent != "" {
		return p
	}
	if m := v.mask(p.Number); m != p.Number {
		p.Number, p.Name = m, ""
	}
	p.Name = v.mask(p.Name)
	return p
}
