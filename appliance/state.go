package appliance

import (
	"errors"
	"time"
)

// Errors that callers tell apart.
var (
	ErrUnknown  = errors.New("no such service")
	ErrStopping = errors.New("the box is shutting down")
)

// State is what a person needs to know of a service. The names are those of
// systemd's ActiveState, and one more: a service that keeps dying is neither
// failed (nobody gives up on it) nor activating (it is not on its way up).
type State string

// The states of a service.
const (
	Inactive     State = "inactive"     // not running, and nothing is wrong
	Activating   State = "activating"   // on its way up, or about to be tried again
	Active       State = "active"       // up, and ready if it can say so
	Reloading    State = "reloading"    // up, and reading its configuration anew
	Deactivating State = "deactivating" // on its way down
	Failed       State = "failed"       // ended badly, and is not tried again
	CrashLoop    State = "crash-loop"   // died too often: tried again, slowly, without end
)

// Service is one service as it is now.
type Service struct {
	Name        string    `json:"name"`                  // with its suffix: "asterisk.service"
	Description string    `json:"description,omitempty"` // of the unit file
	State       State     `json:"state"`
	Sub         string    `json:"sub"`                  // systemd's SubState: "running", "start-pre", "auto-restart", …
	Since       time.Time `json:"since"`                // when State was entered
	MainPID     int       `json:"main_pid,omitempty"`   // 0: there is none
	Restarts    int       `json:"restarts"`             // by itself, since the supervisor started
	Memory      uint64    `json:"memory"`               // bytes; 0: unknown or none
	Status      string    `json:"status,omitempty"`     // the service's own words (STATUS= of sd_notify)
	LastError   string    `json:"last_error,omitempty"` // why it last ended badly
	NextTry     time.Time `json:"next_try,omitzero"`    // when it is started again, in crash-loop and auto-restart
	Waiting     []string  `json:"waiting,omitempty"`    // the units it waits for before it can start
}

// Up reports whether the service does its work.
func (s Service) Up() bool { return s.State == Active || s.State == Reloading }

// Health is the judgement of the whole box, from its essential services alone.
type Health struct {
	OK      bool      `json:"ok"`                // every essential service is up, and was for a while
	Since   time.Time `json:"since"`             // when OK became what it is
	Failing []string  `json:"failing,omitempty"` // the essential services that are not up
	Stopped []string  `json:"stopped,omitempty"` // those that are not because somebody stopped them: that is no fault
}

// Status is the whole box as the supervisor sees it.
type Status struct {
	Version  string    `json:"version,omitempty"` // of the firmware
	Started  time.Time `json:"started"`           // when the supervisor started
	Health   Health    `json:"health"`
	Stopping bool      `json:"stopping,omitempty"` // on the way to a reboot or to power off
	Notes    []string  `json:"notes,omitempty"`    // what is less than it could be: "cgroups: …", "data: volatile"
	Memory   uint64    `json:"memory"`             // bytes resident in the supervisor itself
	Services []Service `json:"services"`           // by name
}

// Outcome is what is to become of the box once every service is stopped.
type Outcome int

// The outcomes.
const (
	Exit     Outcome = iota // leave the machine as it is: the supervisor was not pid 1
	Reboot                  // start again
	PowerOff                // switch off
	Halt                    // stop the processor and keep the power
)

func (o Outcome) String() string {
	switch o {
	case Exit:
		return "exit"
	case Reboot:
		return "reboot"
	case PowerOff:
		return "poweroff"
	case Halt:
		return "halt"
	}
	return "outcome(?)"
}
