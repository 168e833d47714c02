package supervisor

import (
	"os"
	"strings"

	"switchroom/appliance/supervisor/unit"
)

// failedCondition gives a condition that does not hold.
func (s *service) failedCondition() string {
	triggers, triggered := "", false
	for _, c := range s.unit.Conditions {
		holds := conditionHolds(c) != c.Negate
		text := c.Kind + "="
		if c.Negate {
			text += "!"
		}
		text += c.Value
		switch {
		case c.Trigger:
			triggers, triggered = text, triggered || holds
		case !holds:
			return text
		}
	}
	if triggers != "" && !triggered {
		return triggers
	}
	return ""
}

func conditionHolds(c unit.Condition) bool {
	switch c.Kind {
	case "ConditionPathExists":
		_, err := os.Stat(c.Value)
		return err == nil
	case "ConditionKernelCommandLine":
		line, err := os.ReadFile("/proc/cmdline")
		if err != nil {
			return false
		}
		for word := range strings.FieldsSeq(string(line)) {
			key, _, _ := strings.Cut(word, "=")
			if word == c.Value || key == c.Value {
				return true
			}
		}
	}
	return false
}
