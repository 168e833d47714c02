package provisioning

import "switchroom/provisioning/numbers"

// plan is the numbering plan where the box stands.
func (s *Site) plan() numbers.Plan { return numbers.Of(s.Country, s.AreaCode) }

// NumberPlan tells what a number is that is dialled on a line, after the
// route's strip and prepend: the first pattern that matches counts, and the
// last one matches everything.
func (s *Site) NumberPlan() []numbers.Kind { return s.plan().Kinds }

// NumberRewrites make a number normal, of which only digits and a + in front
// are left: the first pattern that matches counts, and what none matches is
// normal.
func (s *Site) NumberRewrites() []numbers.Rewrite { return s.plan().Rewrites }

// Normalise gives the normal form of a number as anyone would write it; see
// package numbers. Numbers are compared in this form only.
func (s *Site) Normalise(number string) string { return s.plan().Normalise(number) }
