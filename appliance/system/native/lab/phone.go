package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"switchroom/dahdi/tone"
)

// PhoneOptions say what a telephone is.
type PhoneOptions struct {
	IP     netip.Addr // of its own, in 127.0.0.0/8, not 127.0.0.1
	User   string     // name in its addresses
	Name   string     // shown to whom it calls; may be empty
	Auth   string     // name it proves itself by; "": User
	Secret string     // "": it is known by its address
	Voice  float64    // hertz of the tone that it says from the moment a call is answered; 0: silence. See [Call.SetVoice]
	Law    tone.Law
	Log    *slog.Logger // of the SIP library; nil: nowhere
}

// Phone is a SIP telephone with any number of lines, or, when it doesn't register, the far end of a
// trunk. Its methods may be called from many goroutines.
type Phone struct {
	o       PhoneOptions
	network network
	conn    net.PacketConn
	ua      *sipgo.UserAgent
	client  *sipgo.Client
	dialogs *sipgo.DialogUA
	ctx     context.Context // ends with the telephone
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu       sync.Mutex
	calls    map[string]*Call // by Call-ID
	incoming []*Call          // not yet taken by [Phone.Incoming]
	busy     int              // SIP status that calls are refused with; 0: they ring
	account  *sip.Uri         // the contact that was registered here; nil: none
	changed  chan struct{}
}

// asterisk and asteriskPort are where a box's Asterisk is, for who is in its network. It listens on
// all addresses, and so telephones must take another port.
const (
	asterisk     = "127.0.0.1"
	asteriskPort = 5060
	sipPort      = 5070
)

// Phone plugs a telephone into the box's network. It must be closed.
func (b *Box) Phone(o PhoneOptions) (*Phone, error) {
	if o.Auth == "" {
		o.Auth = o.User
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Phone{o: o, network: b.net, calls: map[string]*Call{}, changed: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.open(); err != nil {
		p.cancel()
		return nil, fmt.Errorf("plugging telephone %s in: %w", o.User, err)
	}
	return p, nil
}

func (p *Phone) open() error {
	local := netip.AddrPortFrom(p.o.IP, sipPort)
	var udp *net.UDPConn
	err := p.network.do(func() (err error) {
		udp, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(local))
		return err
	})
	if err != nil {
		return err
	}
	p.conn = udp
	// What the library does before it reads first, it must have done before anything is sent, or it
	// would open a socket of its own, and that not in the box's network.
	reading := &announcedConn{PacketConn: udp, reading: make(chan struct{})}
	p.ua, err = sipgo.NewUA(sipgo.WithUserAgent(p.o.User), sipgo.WithUserAgentHostname(p.o.IP.String()),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(p.o.Log)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(p.o.Log)))
	if err != nil {
		return errors.Join(err, udp.Close())
	}
	server, err := sipgo.NewServer(p.ua, sipgo.WithServerLogger(p.o.Log))
	if err != nil {
		return errors.Join(err, udp.Close())
	}
	p.client, err = sipgo.NewClient(p.ua, sipgo.WithClientLogger(p.o.Log), sipgo.WithClientHostname(p.o.IP.String()),
		sipgo.WithClientPort(sipPort), sipgo.WithClientConnectionAddr(local.String()))
	if err != nil {
		return errors.Join(err, udp.Close())
	}
	p.dialogs = &sipgo.DialogUA{Client: p.client, ContactHDR: sip.ContactHeader{Address: p.uri(p.o.User)}}
	server.OnInvite(p.onInvite)
	server.OnAck(p.onAck)
	server.OnBye(p.onBye)
	server.OnNotify(p.onNotify)
	server.OnRegister(p.onRegister)
	for _, register := range []func(sipgo.RequestHandler){server.OnOptions, server.OnUpdate, server.OnInfo, server.OnMessage} {
		register(func(req *sip.Request, tx sip.ServerTransaction) {
			_ = tx.Respond(sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)) // it is asked again
		})
	}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		_ = server.ServeUDP(reading) // ends when the socket is closed
	}()
	<-reading.reading
	// Requests within a call go by the address of the other side: it is reached by the same socket.
	c, err := p.ua.TransportLayer().GetConnection("udp", local.String())
	if err != nil {
		return errors.Join(err, udp.Close())
	}
	p.ua.TransportLayer().Pool("udp").Add(netip.AddrPortFrom(netip.MustParseAddr(asterisk), asteriskPort).String(), c)
	return nil
}

// announcedConn says when it is read from first.
type announcedConn struct {
	net.PacketConn
	once    sync.Once
	reading chan struct{}
}

func (c *announcedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.once.Do(func() { close(c.reading) })
	return c.PacketConn.ReadFrom(b)
}

func (p *Phone) uri(user string) sip.Uri {
	return sip.Uri{Scheme: "sip", User: user, Host: p.o.IP.String(), Port: sipPort}
}

// Close pulls the plug: nothing is said to anybody.
func (p *Phone) Close() error {
	p.cancel()
	p.mu.Lock()
	calls := make([]*Call, 0, len(p.calls))
	for _, c := range p.calls {
		calls = append(calls, c)
	}
	p.mu.Unlock()
	for _, c := range calls {
		c.end("the telephone was unplugged", 0)
	}
	err := errors.Join(p.ua.Close(), p.conn.Close())
	p.wg.Wait()
	return err
}

// Register tells Asterisk where the telephone is, for the time in seconds; 0 takes it off.
func (p *Phone) Register(ctx context.Context, seconds int) error {
	req := sip.NewRequest(sip.REGISTER, sip.Uri{Scheme: "sip", Host: asterisk, Port: asteriskPort})
	me := sip.Uri{Scheme: "sip", User: p.o.User, Host: asterisk}
	from := &sip.FromHeader{Address: me, Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(16))
	req.AppendHeader(from)
	req.AppendHeader(&sip.ToHeader{Address: me, Params: sip.NewParams()})
	req.AppendHeader(&sip.ContactHeader{Address: p.uri(p.o.User)})
	req.AppendHeader(sip.NewHeader("Expires", strconv.Itoa(seconds)))
	res, err := p.client.Do(ctx, req)
	if err == nil && (res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired) {
		res, err = p.client.DoDigestAuth(ctx, req, res, sipgo.DigestAuth{Username: p.o.Auth, Password: p.o.Secret})
	}
	if err != nil {
		return fmt.Errorf("registering %s: %w", p.o.User, err)
	}
	if res.StatusCode != sip.StatusOK {
		return fmt.Errorf("registering %s: %s", p.o.User, res.StartLine())
	}
	return nil
}

// Refuse makes the telephone answer calls with a SIP status from now on: 486 when it is busy, 480
// when nobody is there. 0 lets them ring again.
func (p *Phone) Refuse(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = status
}

// Incoming waits for the next call to the telephone that fits, which rings meanwhile, and returns
// it. A nil fit takes any.
func (p *Phone) Incoming(ctx context.Context, fit func(*Call) bool) (*Call, error) {
	for {
		p.mu.Lock()
		i := slices.IndexFunc(p.incoming, func(c *Call) bool { return fit == nil || fit(c) })
		if i >= 0 {
			c := p.incoming[i]
			p.incoming = slices.Delete(p.incoming, i, i+1)
			p.mu.Unlock()
			return c, nil
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %s to ring: %w", p.o.User, ctx.Err())
		}
	}
}

// Pending returns how many calls that fit came and were not taken by [Phone.Incoming], those that
// have ended included. A nil fit counts all.
func (p *Phone) Pending(fit func(*Call) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.incoming {
		if fit == nil || fit(c) {
			n++
		}
	}
	return n
}

func (p *Phone) find(req *sip.Request) *Call {
	id := req.CallID()
	if id == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[id.Value()]
}

func (p *Phone) add(id string, c *Call, incoming bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[id] = c
	if incoming {
		p.incoming = append(p.incoming, c)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// answer answers a request; the library sends it again if it gets lost.
func answer(req *sip.Request, tx sip.ServerTransaction, status int, reason string) {
	_ = tx.Respond(sip.NewResponseFromRequest(req, status, reason, nil))
}

func (p *Phone) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	if c := p.find(req); c != nil {
		c.onReinvite(req, tx)
		return
	}
	p.mu.Lock()
	busy := p.busy
	p.mu.Unlock()
	if busy != 0 {
		answer(req, tx, busy, "Busy Here")
		return
	}
	m, err := newMedia(p.network, p.o.IP, p.o.Law, tone.Silence(-1))
	if err == nil {
		err = m.agree(req.Body())
	}
	if err != nil {
		p.o.Log.Error("refusing a call", "phone", p.o.User, "err", err)
		answer(req, tx, sip.StatusNotAcceptableHere, "Not Acceptable Here")
		return
	}
	m.mute(true) // until the call is answered
	s, err := p.dialogs.ReadInvite(req, tx)
	if err != nil {
		p.o.Log.Error("refusing a call", "phone", p.o.User, "err", err)
		m.close()
		return
	}
	c := &Call{phone: p, media: m, server: s, voice: p.o.Voice, changed: make(chan struct{}), number: req.Recipient.User}
	if from := req.From(); from != nil {
		c.from, c.fromName = from.Address.User, strings.Trim(from.DisplayName, `"`)
	}
	// What the network vouches for comes before what the caller says (RFC 3325).
	if pai := req.GetHeader("P-Asserted-Identity"); pai != nil {
		var to sip.Uri
		if name, err := sip.ParseAddressValue(pai.Value(), &to, &sip.HeaderParams{}); err == nil {
			c.from, c.fromName = to.User, name
		}
	}
	c.headers = map[string]string{}
	for _, h := range req.Headers() {
		c.headers[strings.ToLower(h.Name())] = h.Value()
	}
	s.OnState(func(state sip.DialogState) {
		if state == sip.DialogStateEnded {
			c.end("the caller gave up", 0)
		}
	})
	if err := s.Respond(sip.StatusRinging, "Ringing", nil); err != nil {
		p.o.Log.Error("ringing", "phone", p.o.User, "err", err)
		m.close()
		return
	}
	c.set(func() { c.status = sip.StatusRinging })
	p.add(req.CallID().Value(), c, true)
	// The library takes the transaction for over when its handler returns.
	select {
	case <-tx.Done():
	case <-p.ctx.Done():
	}
}

func (p *Phone) onAck(req *sip.Request, tx sip.ServerTransaction) {
	if c := p.find(req); c != nil && c.server != nil {
		_ = c.server.ReadAck(req, tx) // fails for that of a second INVITE, which nobody waits for
	}
}

func (p *Phone) onBye(req *sip.Request, tx sip.ServerTransaction) {
	c := p.find(req)
	if c == nil {
		answer(req, tx, sip.StatusCallTransactionDoesNotExists, "No Such Call")
		return
	}
	answer(req, tx, sip.StatusOK, "OK")
	reason := "the other side hung up"
	if h := req.GetHeader("Reason"); h != nil {
		reason += ": " + h.Value()
	}
	c.end(reason, 0)
}

// onRegister takes Asterisk's registration, as a provider does: any user's, with any password.
func (p *Phone) onRegister(req *sip.Request, tx sip.ServerTransaction) {
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	contact := req.Contact()
	if contact == nil {
		answer(req, tx, sip.StatusBadRequest, "No Contact")
		return
	}
	res.AppendHeader(sip.HeaderClone(contact))
	res.AppendHeader(sip.NewHeader("Expires", "600"))
	if tx.Respond(res) == nil {
		p.mu.Lock()
		p.account = contact.Address.Clone()
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

// AwaitAccount waits until Asterisk has registered at this telephone, as at a provider.
func (p *Phone) AwaitAccount(ctx context.Context) error {
	for {
		p.mu.Lock()
		account, changed := p.account, p.changed
		p.mu.Unlock()
		if account != nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for a registration at %s: %w", p.o.User, ctx.Err())
		}
	}
}

func (p *Phone) onNotify(req *sip.Request, tx sip.ServerTransaction) {
	answer(req, tx, sip.StatusOK, "OK")
	if c := p.find(req); c != nil {
		c.set(func() { c.notes = append(c.notes, string(req.Body())) })
	}
}
