package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"switchroom/appliance/cti/command"
	"switchroom/appliance/cti/fault"
	"switchroom/appliance/cti/feed"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/sessions"
	"switchroom/provisioning"
)

// status is the answer's status for a fault.
func status(code fault.Code) int {
	switch code {
	case fault.BadRequest, fault.BadNumber:
		return http.StatusBadRequest
	case fault.WrongPIN, fault.WrongToken:
		return http.StatusUnauthorized
	case fault.NotAllowed, fault.WrongOrigin:
		return http.StatusForbidden
	case fault.Unknown, fault.AgentUnknown, fault.CallUnknown, fault.QueueUnknown, fault.SeatUnknown:
		return http.StatusNotFound
	case fault.LockedOut, fault.TooFast, fault.TooMany:
		return http.StatusTooManyRequests
	case fault.Down, fault.NoAnswer:
		return http.StatusServiceUnavailable
	case fault.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusConflict
}

// answerError is a fault as an answer.
type answerError struct {
	Problem *wrong `json:"error"`
	status  int
}

func (e *answerError) Error() string  { return e.Problem.Message }
func (e *answerError) GetStatus() int { return e.status }

// Asker is what every request has.
type Asker struct {
	Authorization string `header:"Authorization" doc:"Bearer and the token of POST /v1/login"`
	Origin        string `header:"Origin"`
	Language      string `header:"Accept-Language" doc:"in which faults are told: en or zh-CN"`

	address string
}

// Resolve implements huma.Resolver.
func (a *Asker) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	a.address = address(r)
	return nil
}

func (a *Asker) lang() string {
	if strings.HasPrefix(strings.ToLower(a.Language), "zh") {
		return "zh-CN"
	}
	return "en"
}

func (a *Asker) fail(err error) error {
	return &answerError{tell(err, a.lang()), status(fault.Of(err).Code)}
}

func (s *Server) who(a *Asker) (token, error) {
	t, err := s.open(strings.TrimPrefix(a.Authorization, "Bearer "), a.Origin)
	if err != nil {
		return token{}, a.fail(err)
	}
	return t, nil
}

type output[T any] struct{ Body T }

type loginInput struct {
	Asker
	Body struct {
		Agent string `json:"agent" maxLength:"8"`
		PIN   string `json:"pin,omitempty" maxLength:"8"`
	}
}

type loginOutput struct {
	Token   string `json:"token"`
	Seconds int    `json:"seconds" doc:"for how long it is good"`
}

type commandInput struct {
	Asker
	Name string `path:"name" doc:"a command, as dial"`
	Body command.Args
}

type health struct {
	Version  string `json:"version"`
	Asterisk bool   `json:"asterisk" doc:"whether there is an exchange"`
}

// api adds the HTTP API.
func (s *Server) api(mux *http.ServeMux) {
	config := huma.DefaultConfig("Switchroom CTI", "1")
	config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", nil
	config.Info.Description = "Agents, queues and calls, and what can be done with them."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	api := humago.New(mux, config)
	secured := func(o *huma.Operation) {
		o.Security = []map[string][]string{{"token": {}}}
		o.MaxBodyBytes = maxFrame
	}
	huma.Post(api, "/v1/login", func(_ context.Context, in *loginInput) (*output[loginOutput], error) {
		t, err := s.login(in.Body.Agent, in.Body.PIN, in.address, in.Origin)
		if err != nil {
			return nil, in.fail(err)
		}
		return &output[loginOutput]{loginOutput{t, int(tokenLife.Seconds())}}, nil
	}, func(o *huma.Operation) { o.MaxBodyBytes = 1024 })
	huma.Get(api, "/v1/state", func(_ context.Context, in *Asker) (*output[feed.Frame], error) {
		t, err := s.who(in)
		if err != nil {
			return nil, err
		}
		out := &output[feed.Frame]{}
		s.cfg.Floor.Look(func(st *live.State) { out.Body = s.cfg.Feed.View(st, s.viewer(t.Agent)) })
		return out, nil
	}, secured)
	huma.Post(api, "/v1/commands/{name}", func(ctx context.Context, in *commandInput) (*output[struct{}], error) {
		t, err := s.who(&in.Asker)
		if err != nil {
			return nil, err
		}
		data, err := json.Marshal(in.Body)
		if err == nil {
			err = s.do(ctx, command.Actor{Agent: t.Agent, Address: in.address}, in.Name, data)
		}
		if err != nil {
			return nil, in.fail(err)
		}
		return &output[struct{}]{}, nil
	}, secured)
	huma.Get(api, "/v1/audit", func(ctx context.Context, in *Asker) (*output[[]sessions.Deed], error) {
		t, err := s.who(in)
		if err != nil {
			return nil, err
		}
		if !s.cfg.Floor.Plan().Agents[t.Agent].May(provisioning.MayReports) {
			return nil, in.fail(fault.New(fault.NotAllowed, provisioning.MayReports))
		}
		deeds, err := s.cfg.Book.Deeds(ctx, 500)
		if err != nil {
			return nil, in.fail(err)
		}
		return &output[[]sessions.Deed]{deeds}, nil
	}, secured)
	huma.Get(api, "/v1/health", func(context.Context, *struct{}) (*output[health], error) {
		return &output[health]{health{s.cfg.Version, s.cfg.Floor.Up()}}, nil
	})
}
