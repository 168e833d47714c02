package lab

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"switchroom/dahdi/tone"
)

// Call is one call of a telephone. Its methods may be called from many goroutines.
type Call struct {
	phone    *Phone
	media    *media
	client   *sipgo.DialogClientSession // of a call that we made
	server   *sipgo.DialogServerSession // of one that we got
	number   string                     // that was called
	from     string                     // who calls, as told
	fromName string
	headers  map[string]string // of the INVITE that came, by lower-case name
	cancel   context.CancelFunc
	voice    float64 // hertz

	mu      sync.Mutex
	status  int  // the last SIP status: 180 rings, 183 has sound, 200 is answered
	over    bool // ended
	why     string
	notes   []string // of a transfer: what NOTIFY said
	held    bool     // by the other side
	changed chan struct{}
}

func (c *Call) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// end notes that the call is over, if it was not yet. status is that of a refusal, or 0.
func (c *Call) end(why string, status int) {
	c.set(func() {
		if c.over {
			return
		}
		c.over, c.why = true, why
		if status != 0 {
			c.status = status
		}
	})
	c.media.close()
}

// CallOptions change how a call is made. The zero value is usable.
type CallOptions struct {
	From    string            // the caller's number, if not the telephone's
	Name    string            // the caller's name, if not the telephone's
	Voice   float64           // hertz of what is said, if not the telephone's
	Account bool              // the call goes to the contact that Asterisk has registered here
	Headers map[string]string // added to the INVITE
}

// Call calls a number, and returns as soon as the call is under way.
func (p *Phone) Call(ctx context.Context, number string, o CallOptions) (*Call, error) {
	m, err := newMedia(p.network, p.o.IP, p.o.Law, tone.Silence(-1))
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", number, err)
	}
	offer, err := m.describe(sendRecv)
	if err != nil {
		m.close()
		return nil, fmt.Errorf("calling %s: %w", number, err)
	}
	if o.From == "" {
		o.From = p.o.User
	}
	if o.Name == "" {
		o.Name = p.o.Name
	}
	if o.Voice == 0 {
		o.Voice = p.o.Voice
	}
	to := sip.Uri{Scheme: "sip", User: number, Host: asterisk, Port: asteriskPort}
	if o.Account {
		p.mu.Lock()
		account := p.account
		p.mu.Unlock()
		if account == nil {
			m.close()
			return nil, fmt.Errorf("calling %s: nobody has registered here", number)
		}
		to = *account.Clone()
	}
	from := &sip.FromHeader{DisplayName: o.Name, Address: p.uri(o.From), Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(16))
	headers := []sip.Header{from, sip.NewHeader("Content-Type", "application/sdp")}
	for name, value := range o.Headers {
		headers = append(headers, sip.NewHeader(name, value))
	}
	s, err := p.dialogs.Invite(ctx, to, offer, headers...)
	if err != nil {
		m.close()
		return nil, fmt.Errorf("calling %s: %w", number, err)
	}
	c := &Call{phone: p, media: m, client: s, number: number, voice: o.Voice, from: o.From, fromName: o.Name, changed: make(chan struct{})}
	var waiting context.Context
	waiting, c.cancel = context.WithCancel(p.ctx)
	p.add(s.InviteRequest.CallID().Value(), c, false)
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		c.await(waiting)
	}()
	return c, nil
}

// await follows a call that we made until it is answered or not.
func (c *Call) await(ctx context.Context) {
	err := c.client.WaitAnswer(ctx, sipgo.AnswerOptions{
		Username: c.phone.o.Auth, Password: c.phone.o.Secret,
		OnResponse: func(r *sip.Response) error {
			if len(r.Body()) > 0 {
				if err := c.media.agree(r.Body()); err != nil {
					return err
				}
			}
			if r.IsProvisional() {
				c.set(func() { c.status = r.StatusCode })
			}
			return nil
		},
	})
	var refused *sipgo.ErrDialogResponse
	switch {
	case errors.As(err, &refused):
		c.end(refused.Res.StartLine(), refused.Res.StatusCode)
		return
	case err != nil:
		c.end(err.Error(), 0)
		return
	}
	if err := c.client.Ack(c.phone.ctx); err != nil {
		c.end(err.Error(), 0)
		return
	}
	c.speak()
	c.set(func() { c.status = sip.StatusOK })
}

// speak lets the telephone say its own tone.
func (c *Call) speak() {
	c.media.mute(false)
	if c.voice > 0 {
		c.media.say(tone.Sines(-13, -1, c.voice))
	}
}

// Status returns the last SIP status of the call, whether it is over, and if so why.
func (c *Call) Status() (status int, over bool, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status, c.over, c.why
}

// Number returns the number that was called.
func (c *Call) Number() string { return c.number }

// From returns the caller's number, as told.
func (c *Call) From() string { return c.from }

// FromName returns the caller's name, as told.
func (c *Call) FromName() string { return c.fromName }

// Header returns a header of the INVITE that brought the call.
func (c *Call) Header(name string) string { return c.headers[strings.ToLower(name)] }

// Ear returns what the telephone hears in this call.
func (c *Call) Ear() *Ear { return c.media.ear }

// Quality is how the packets of sound came.
type Quality struct {
	Came int // packets
	Lost int // that did not come, by their numbers
	Late int // that came more than 60 ms after the one before
}

// Quality returns how the packets have come so far.
func (c *Call) Quality() Quality {
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	return Quality{c.media.came, c.media.lost, c.media.late}
}

// Say changes what the telephone says.
func (c *Call) Say(g tone.Generator) { c.media.say(g) }

func (c *Call) wait(ctx context.Context, what string, done func() bool) error {
	for {
		c.mu.Lock()
		ok, over, why, status, changed := done(), c.over, c.why, c.status, c.changed
		c.mu.Unlock()
		switch {
		case ok:
			return nil
		case over:
			return fmt.Errorf("waiting for %s: the call ended: %s", what, why)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s, at status %d: %w", what, status, ctx.Err())
		}
	}
}

// AwaitRinging waits until the called telephone rings.
func (c *Call) AwaitRinging(ctx context.Context) error {
	return c.wait(ctx, "ringing", func() bool { return c.status >= sip.StatusRinging && !c.over })
}

// AwaitAnswer waits until the call is answered.
func (c *Call) AwaitAnswer(ctx context.Context) error {
	return c.wait(ctx, "an answer", func() bool { return c.status == sip.StatusOK && !c.over })
}

// AwaitEnd waits until the call is over, and returns the SIP status of the refusal, or the last
// one before it ended.
func (c *Call) AwaitEnd(ctx context.Context) (status int, err error) {
	err = c.wait(ctx, "the call's end", func() bool { return c.over })
	status, _, _ = c.Status()
	return status, err
}

// AwaitHeld waits until the other side has put the call on hold, or taken it off.
func (c *Call) AwaitHeld(ctx context.Context, held bool) error {
	return c.wait(ctx, "hold", func() bool { return c.held == held })
}

// AwaitTransfer waits until the other side has told how a transfer ended, and returns the status.
func (c *Call) AwaitTransfer(ctx context.Context) (status string, err error) {
	err = c.wait(ctx, "the transfer's end", func() bool {
		for _, n := range c.notes {
			// A first line such as SIP/2.0 100 Trying says that it is under way.
			if rest, ok := strings.CutPrefix(n, "SIP/2.0 "); ok && !strings.HasPrefix(rest, "1") {
				status = strings.TrimSpace(rest)
				return true
			}
		}
		return false
	})
	return status, err
}

// Pass lets a time in milliseconds pass, by the telephone's own packets: what was sent to it in
// that time has been heard.
func (c *Call) Pass(ctx context.Context, ms int) error {
	if err := c.media.pass(ctx, ms/20); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	return nil
}

// SetVoice gives another voice to whoever answers this call.
func (c *Call) SetVoice(hz float64) { c.voice = hz }

// Answer answers a call that rings.
func (c *Call) Answer(ctx context.Context) error {
	body, err := c.media.describe(sendRecv)
	if err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	c.speak()
	done := make(chan error, 1)
	c.phone.wg.Add(1)
	go func() {
		defer c.phone.wg.Done()
		done <- c.server.RespondSDP(body) // returns when it was acknowledged
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	c.set(func() { c.status = sip.StatusOK })
	return nil
}

// Reject refuses a call that rings: 486 busy, 603 declined.
func (c *Call) Reject(status int) error {
	if err := c.server.Respond(status, "Refused", nil); err != nil {
		return fmt.Errorf("refusing a call: %w", err)
	}
	c.end("refused", status)
	return nil
}

// Hangup ends the call, or gives up calling.
func (c *Call) Hangup(ctx context.Context) error {
	status, over, _ := c.Status()
	if over {
		return nil
	}
	var err error
	switch {
	case c.client != nil && status != sip.StatusOK:
		c.cancel() // sends CANCEL
		if _, err := c.AwaitEnd(ctx); err != nil {
			return fmt.Errorf("giving up calling %s: %w", c.number, err)
		}
		return nil
	case c.client != nil:
		err = c.client.Bye(ctx)
	case status != sip.StatusOK:
		return c.Reject(sip.StatusBusyHere)
	default:
		err = c.server.Bye(ctx)
	}
	c.end("we hung up", 0)
	if err != nil {
		return fmt.Errorf("hanging up: %w", err)
	}
	return nil
}

// request sends a request within the call and returns its final answer.
func (c *Call) request(ctx context.Context, method sip.RequestMethod, body []byte, headers ...sip.Header) (*sip.Response, error) {
	req := sip.NewRequest(method, c.target())
	for _, h := range headers {
		req.AppendHeader(h)
	}
	if body != nil {
		req.SetBody(body)
	}
	var res *sip.Response
	var err error
	if c.client != nil {
		res, err = c.client.Do(ctx, req)
	} else {
		res, err = c.server.Do(ctx, req)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if !res.IsSuccess() {
		return res, fmt.Errorf("%s: %s", method, res.StartLine())
	}
	return res, nil
}

// target is where requests within the call go: the other side's contact.
func (c *Call) target() sip.Uri {
	if c.client != nil {
		if contact := c.client.InviteResponse.Contact(); contact != nil {
			return *contact.Address.Clone()
		}
		return *c.client.InviteRequest.Recipient.Clone()
	}
	return *c.server.InviteRequest.Contact().Address.Clone()
}

// Hold puts the other side on hold, or takes it off, as the key of a telephone does.
func (c *Call) Hold(ctx context.Context, hold bool) error {
	d := sendRecv
	if hold {
		d = sendOnly
	}
	body, err := c.media.describe(d)
	if err != nil {
		return fmt.Errorf("holding: %w", err)
	}
	res, err := c.request(ctx, sip.INVITE, body, sip.NewHeader("Content-Type", "application/sdp"))
	if err != nil {
		return fmt.Errorf("holding: %w", err)
	}
	if err := c.media.agree(res.Body()); err != nil {
		return fmt.Errorf("holding: %w", err)
	}
	if c.client != nil {
		err = c.client.Ack(ctx)
	} else {
		err = c.server.WriteRequest(sip.NewRequest(sip.ACK, c.target()))
	}
	if err != nil {
		return fmt.Errorf("holding: %w", err)
	}
	return nil
}

// Transfer asks Asterisk to connect the other side with a number, without asking who is there. The
// call itself ends, or goes on if that fails: see [Call.AwaitTransfer].
func (c *Call) Transfer(ctx context.Context, number string) error {
	_, err := c.request(ctx, sip.REFER, nil, sip.NewHeader("Refer-To", "<sip:"+number+"@"+asterisk+">"),
		sip.NewHeader("Referred-By", "<sip:"+c.phone.o.User+"@"+asterisk+">"))
	return err
}

// TransferTo asks Asterisk to connect the other sides of two calls of this telephone.
func (c *Call) TransferTo(ctx context.Context, other *Call) error {
	id, local, remote := other.identity()
	replaces := url.QueryEscape(id + ";to-tag=" + remote + ";from-tag=" + local)
	_, err := c.request(ctx, sip.REFER, nil, sip.NewHeader("Refer-To", "<sip:"+other.number+"@"+asterisk+"?Replaces="+replaces+">"),
		sip.NewHeader("Referred-By", "<sip:"+c.phone.o.User+"@"+asterisk+">"))
	return err
}

// identity returns the Call-ID of the dialog and the tags of both sides.
func (c *Call) identity() (id, local, remote string) {
	tag := func(p sip.HeaderParams) string {
		t, _ := p.Get("tag")
		return t
	}
	if c.client != nil {
		return c.client.InviteRequest.CallID().Value(), tag(c.client.InviteRequest.From().Params), tag(c.client.InviteResponse.To().Params)
	}
	return c.server.InviteRequest.CallID().Value(), tag(c.server.InviteResponse.To().Params), tag(c.server.InviteRequest.From().Params)
}

// Press presses keys, one after the other, as RFC 4733 has it.
func (c *Call) Press(ctx context.Context, keys string) error {
	for _, k := range []byte(keys) {
		if err := c.media.dial(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// onReinvite takes a change of the call: hold, another address.
func (c *Call) onReinvite(req *sip.Request, tx sip.ServerTransaction) {
	if len(req.Body()) > 0 {
		if err := c.media.agree(req.Body()); err != nil {
			answer(req, tx, sip.StatusNotAcceptableHere, "Not Acceptable Here")
			return
		}
	}
	body, err := c.media.describe(sendRecv)
	if err != nil {
		answer(req, tx, sip.StatusInternalServerError, "Server Internal Error")
		return
	}
	res := sip.NewSDPResponseFromRequest(req, body)
	contact := c.phone.dialogs.ContactHDR
	res.AppendHeader(&contact)
	_ = tx.Respond(res)
	c.media.mu.Lock()
	held := c.media.held
	c.media.mu.Unlock()
	c.set(func() { c.held = held })
}
