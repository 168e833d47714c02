package asteriskconf

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"switchroom/provisioning"
)

func (r renderer) hasBrowsers() bool {
	return slices.ContainsFunc(r.site.Extensions, func(e provisioning.Extension) bool { return e.Browser })
}

// encrypts reports whether anybody may encrypt sound.
func (r renderer) encrypts() bool {
	return r.hasBrowsers() ||
		slices.ContainsFunc(r.site.Extensions, func(e provisioning.Extension) bool { return e.SIP != nil && e.SIP.SRTP }) ||
		slices.ContainsFunc(r.site.Trunks, func(t provisioning.Trunk) bool { return t.SRTP })
}

// speaks reports whether a codec may be used.
func (r renderer) speaks(codec string) bool {
	return codec == "opus" && r.hasBrowsers() ||
		slices.ContainsFunc(r.site.Extensions, func(e provisioning.Extension) bool { return e.SIP != nil && slices.Contains(e.SIP.Codecs, codec) }) ||
		slices.ContainsFunc(r.site.Trunks, func(t provisioning.Trunk) bool { return slices.Contains(t.Codecs, codec) })
}

func (r renderer) pjsip() []byte {
	f := head("pjsip.conf: SIP. Who is neither a telephone nor a trunk below is refused.")
	f.section("global")
	f.set("type", "global", "")
	f.set("user_agent", "Switchroom", "")
	f.set("endpoint_identifier_order", "ip,username", "trunks by their address, telephones by their number")
	f.set("keep_alive_interval", "90", "seconds, on connections that a router could forget")
	transport := func(name, protocol, bind string, more ...string) {
		f.section(name)
		f.set("type", "transport", "")
		f.set("protocol", protocol, "")
		f.set("bind", bind, "")
		for _, m := range more {
			f.line("%s", m)
		}
	}
	transport("udp", "udp", "0.0.0.0:5060")
	transport("udp6", "udp", "[::]:5060")
	transport("tcp", "tcp", "0.0.0.0:5060")
	if r.secrets.Certificate != "" {
		transport("tls", "tls", "0.0.0.0:5061", "method = tlsv1_2", "cert_file = "+r.secrets.Certificate, "priv_key_file = "+r.secrets.Key)
	}
	if r.hasBrowsers() {
		transport("ws", "ws", "127.0.0.1")
	}
	for _, e := range r.site.Extensions {
		if e.Port == 0 {
			r.sipPhone(f, e)
		}
	}
	for _, t := range r.site.Trunks {
		r.trunk(f, t)
	}
	return f.Bytes()
}

func (r renderer) sipPhone(f *file, e provisioning.Extension) {
	f.section(e.Number)
	f.set("type", "endpoint", "")
	f.set("context", phonesContext(e.Class), "")
	f.set("auth", e.Number, "")
	f.set("aors", e.Number, "")
	f.set("callerid", quoted(e.Name)+"<"+e.Number+">", "")
	f.set("language", sounds(e.Language), "")
	f.set("disallow", "all", "")
	secret := r.secrets.SIP[e.Number]
	if e.Browser {
		f.set("webrtc", "yes", "encrypted, through ICE, with a certificate made for every call")
		f.set("transport", "ws", "")
		f.set("allow", "opus,alaw,ulaw", "")
	} else {
		f.set("allow", strings.Join(e.SIP.Codecs, ","), "")
		if e.SIP.SRTP {
			f.set("media_encryption", "sdes", "")
		}
		if e.SIP.Secret != "" {
			secret = e.SIP.Secret.Reveal()
		}
		if e.SIP.Transport == "tls" && r.secrets.Certificate != "" {
			f.set("transport", "tls", "no other is taken")
		}
	}
	f.set("direct_media", "no", "sound goes through here: for recordings, codes and listening")
	f.set("rtp_symmetric", "yes", "telephones behind a router are answered where they are heard from")
	f.set("force_rport", "yes", "")
	f.set("rewrite_contact", "yes", "")
	if r.site.Masking.Enabled {
		f.set("send_connected_line", "no", "a hidden number must not appear during the call")
	}
	if m := mailboxOf(e); m != "" {
		f.set("mailboxes", m, "")
	}
	for _, v := range r.variables(e) {
		f.set("set_var", v, "")
	}
	f.section(e.Number)
	f.set("type", "auth", "")
	f.set("auth_type", "digest", "")
	f.set("username", e.Number, "")
	f.set("password", secret, "")
	f.section(e.Number)
	f.set("type", "aor", "")
	f.set("max_contacts", "1", "one telephone, the one that came last")
	f.set("remove_existing", "yes", "")
	f.set("qualify_frequency", "60", "seconds: one that is gone is known to be gone")
}

func (r renderer) trunk(f *file, t provisioning.Trunk) {
	name := "trunk-" + t.Name
	transport := t.Transport
	if transport == "tls" && r.secrets.Certificate == "" {
		transport = ""
	}
	endpoint := func() {
		f.section(name)
		f.set("type", "endpoint", "")
		f.set("context", trunkContext(t.Name), "")
		f.set("aors", name, "")
		if transport != "" {
			f.set("transport", transport, "")
		}
		f.set("language", sounds(r.site.Language), "")
		f.set("disallow", "all", "")
		f.set("allow", strings.Join(t.Codecs, ","), "")
		f.set("dtmf_mode", map[string]string{"inband": "inband", "info": "info"}[t.DTMF]+map[bool]string{true: "rfc4733"}[t.DTMF == "rfc4733"], "")
		if t.SRTP {
			f.set("media_encryption", "sdes", "")
		}
		f.set("direct_media", "no", "")
		f.set("rtp_symmetric", "yes", "")
		f.set("trust_id_inbound", "yes", "the network says who calls")
		f.set("send_pai", "yes", "")
		f.set("allow_transfer", "no", "who calls from outside gives nothing away")
		f.set("allow_subscribe", "no", "")
	}
	aor := func(contacts []string) {
		f.section(name)
		f.set("type", "aor", "")
		for _, c := range contacts {
			f.set("contact", r.uri(c, "", t.Transport), "")
		}
		f.set("qualify_frequency", "30", "seconds: one that is down is passed over at once")
	}
	var hosts []string
	switch {
	case t.Register != nil:
		reg := t.Register
		endpoint()
		f.set("outbound_auth", name, "")
		f.set("from_user", reg.User, "what providers want to see; the number shown goes into P-Asserted-Identity")
		aor([]string{reg.Host})
		f.section(name)
		f.set("type", "auth", "")
		f.set("auth_type", "digest", "")
		f.set("username", reg.User, "")
		f.set("password", reg.Secret.Reveal(), "")
		f.section(name)
		f.set("type", "registration", "")
		if transport != "" {
			f.set("transport", transport, "")
		}
		f.set("outbound_auth", name, "")
		f.set("server_uri", r.uri(reg.Host, "", t.Transport), "")
		f.set("client_uri", r.uri(reg.Host, reg.User, t.Transport), "")
		f.set("contact_user", r.contactUser(t), "what the provider calls: the number, where it is known")
		f.set("line", "yes", "calls of this provider are known by a mark in the address that it was given")
		f.set("endpoint", name, "")
		f.set("retry_interval", "30", "")
		f.set("forbidden_retry_interval", "300", "a provider that refuses us today may take us tomorrow")
		f.set("fatal_retry_interval", "300", "")
		f.set("max_retries", "1000000", "")
		f.set("expiration", "600", "")
		hosts = []string{reg.Host}
	case t.Peer != nil:
		endpoint() // who calls is told by the dial plan: an extension may have a number of its own
		aor(t.Peer.Addresses)
		hosts = t.Peer.Addresses
	}
	var match []string
	for _, h := range hosts {
		address := host(h)
		// A name of a provider is not looked up: a registration knows its calls
		// by the mark, and without a network there would be an error.
		if _, err := netip.ParseAddr(strings.Trim(address, "[]")); err == nil || t.Peer != nil {
			match = append(match, strings.Trim(address, "[]"))
		}
	}
	if len(match) > 0 {
		f.section(name)
		f.set("type", "identify", "")
		f.set("endpoint", name, "")
		for _, m := range match {
			f.set("match", m, "")
		}
	}
}

// contactUser is the user part of the address at which a provider calls us.
func (r renderer) contactUser(t provisioning.Trunk) string {
	if n := onlyDigits(t.CallerID); n != "" {
		return n
	}
	if strings.Trim(t.Register.User, "0123456789+") == "" {
		return t.Register.User
	}
	return "s"
}

// uri is a SIP address.
func (r renderer) uri(hostPort, user, transport string) string {
	if user != "" {
		user += "@"
	}
	uri := "sip:" + user + hostPort
	if transport != "udp" {
		uri += `\;transport=` + transport // a bare ; would begin a comment
	}
	return uri
}

// host is what stands before the port.
func host(s string) string {
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		if _, err := strconv.Atoi(s[i+1:]); err == nil {
			return s[:i]
		}
	}
	return s
}
