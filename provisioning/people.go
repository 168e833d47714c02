package provisioning

// Agent is a person who takes calls, known by the number wherever they sit.
type Agent struct {
	// 2 to 8 digits.
	Number string `json:"number" need:"yes" is:"number"`
	Name   string `json:"name" is:"name"`
	// To log in. Absent: the number alone is enough.
	PIN Secret `json:"pin" is:"pin"`
	// What they speak, the best first. Absent: the site's.
	Languages []string `json:"languages" enum:"en|zh-CN"`
	// How good they are at something, 1 to 10; a queue may ask for it.
	Skills map[string]int `json:"skills" keys:"id" range:"1..10"`
	// The queues whose calls they take, and the penalty in each: 0 are asked first.
	Queues map[string]int `json:"queues" keys:"queue" range:"0..100"`
	// What they may do beyond taking calls. listen, whisper, barge, takeover, release: with others' calls. pause, logout:
	// for other agents. recordings, reports: all of them. numbers: see callers' numbers in full. external: give a
	// call to a number outside.
	Rights []string `json:"rights" enum:"listen|whisper|barge|takeover|release|pause|logout|recordings|reports|numbers|external"`
	// Whether the agent's telephone is off the hook for the whole shift: calls come in with a beep, without ringing.
	AlwaysConnected bool `json:"alwaysConnected"`
	// Played to callers instead of the number's digits.
	Announcement string `json:"announcement" ref:"prompt"`
}

// The rights that an agent may have.
const (
	MayListen        = "listen"
	MayWhisper       = "whisper"
	MayBarge         = "barge"
	MayTakeOver      = "takeover"
	MayRelease       = "release"
	MayPause         = "pause"
	MayLogOut        = "logout"
	MayRecordings    = "recordings"
	MayReports       = "reports"
	MayNumbers       = "numbers"
	MayDialExternals = "external"
)

// PauseReason is why an agent pauses.
type PauseReason struct {
	// The key pressed after the code for a pause, 1 to 9.
	Key string `json:"key" need:"yes" is:"reasonkey"`
	// What reports call it.
	Name string `json:"name" need:"yes" is:"name"`
}

// builtinReasons are those of a site that names none, in its language.
func builtinReasons(language string) []PauseReason {
	if language == "zh-CN" {
		return []PauseReason{{"1", "休息"}, {"2", "用餐"}, {"3", "培训"}, {"4", "会议"}, {"5", "离席"}}
	}
	return []PauseReason{{"1", "break"}, {"2", "meal"}, {"3", "training"}, {"4", "meeting"}, {"5", "away"}}
}

// maxPenalty is that of the least able agent of a skill.
const maxSkill = 10

// Member is an agent in a queue.
type Member struct {
	Agent   *Agent
	Penalty int // 0 are asked first
}

// QueueMembers gives the agents of a queue in the order of the document: those
// who name it, with their penalty there; and those who have the skill that it
// asks for, whose penalty is 0 for a level of 10, 9 for a level of 1. An agent
// who is both has the penalty that was named.
func (s *Site) QueueMembers(q *Queue) []Member {
	var out []Member
	for i := range s.Agents {
		a := &s.Agents[i]
		if p, ok := a.Queues[q.Number]; ok {
			out = append(out, Member{a, p})
		} else if level, ok := a.Skills[q.Skill]; ok && q.Skill != "" {
			out = append(out, Member{a, maxSkill - level})
		}
	}
	return out
}
