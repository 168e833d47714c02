package example

import (
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/provisioning"
)

var update = flag.Bool("update", false, "write the examples as the box would")

func TestHotline(t *testing.T) {
	s, err := provisioning.Parse(Hotline())
	if err != nil {
		t.Fatalf("the example has faults:\n%v", err)
	}
	if left := s.Unplugged(Ports()); len(left) > 0 {
		t.Errorf("the example does not fit its card: %q", left)
	}
	complete := s.Complete(Ports())
	if err := complete.Validate(); err != nil {
		t.Errorf("completed, the example has faults:\n%v", err)
	}
	var agents []string
	for _, m := range complete.QueueMembers(&complete.Queues[0]) {
		agents = append(agents, m.Agent.Number)
	}
	if want := []string{"811", "812", "813", "823"}; complete.Queues[0].Number != "600" || !slices.Equal(agents, want) {
		t.Errorf("the queue %s has %q, want 600 with %q", complete.Queues[0].Number, agents, want)
	}
	for _, lang := range provisioning.Languages {
		for _, p := range s.Prompts {
			if p.Text[lang] == "" {
				t.Errorf("prompt %s says nothing in %s", p.Name, lang)
			}
		}
	}
}

// The example is as the box itself would write it, so that an export of it
// shows no difference.
func TestHotlineIsFormatted(t *testing.T) {
	for file, doc := range map[string][]byte{"hotline.json": Hotline(), "pbx.json": PBX()} {
		s, err := provisioning.Parse(doc)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Format()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue // what is embedded is the file of before
		}
		if diff := cmp.Diff(string(doc), string(got)); diff != "" {
			t.Errorf("%s (-file +formatted):\n%s", file, diff)
		}
	}
}

func TestPBX(t *testing.T) {
	s, err := provisioning.Parse(PBX())
	if err != nil {
		t.Fatalf("the example has faults:\n%v", err)
	}
	s = s.Complete(PBXPorts())
	if err := s.Validate(); err != nil {
		t.Errorf("completed, the example has faults:\n%v", err)
	}
	if left := s.Unplugged(PBXPorts()); len(left) > 0 {
		t.Errorf("the example does not fit its card: %q", left)
	}
	var lines []int
	for _, l := range s.Lines {
		lines = append(lines, l.Port)
	}
	if !slices.Equal(lines, []int{17, 18, 19, 20}) || len(s.Extensions) != 16 || s.Extensions[15].Port != 16 {
		t.Errorf("lines on %v, %d extensions", lines, len(s.Extensions))
	}
	if len(s.Inbound) != 1 || s.Inbound[0].To != "queue:600" || len(s.Queues) != 1 || s.Queues[0].Number != "600" {
		t.Errorf("callers go to %+v", s.Inbound)
	}
}
