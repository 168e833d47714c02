// Package freepbx reads the lists of extensions and of DIDs that FreePBX
// writes, so that a site can move here: the CSV files of its Bulk Handler, and
// of the modules Bulk Extensions and Bulk DIDs that older versions have.
//
// Columns are known by their names, in any order; those that mean nothing here
// are passed over. What can't be taken over is told, row by row, and the rest
// is taken. Files that aren't UTF-8 are read as GB18030, as spreadsheets in
// China write them.
package freepbx

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"switchroom/provisioning"
)

// maxSize bounds what is read, in bytes.
const maxSize = 8 << 20

// Problem is something that could not be taken over.
type Problem struct {
	Row    int    // in the file, from 1; the names of the columns are row 1
	Column string // its name
	code   problem
	value  string
}

type problem int

const (
	noNumber problem = iota
	unknownTech
	noPort
	unknownDestination
	badPattern
	badValue
	weakSecret
)

var words = map[problem][2]string{
	noNumber:           {"%q is no number of an extension: the row is left out", "%q 不是分机号码：已跳过此行"},
	unknownTech:        {"telephones by %q don't exist here: the row is left out", "不支持 %q 类型的话机：已跳过此行"},
	noPort:             {"%q names no port of a card: give the extension its port by hand; the row is left out", "%q 中没有板卡端口：请手工填写分机端口；已跳过此行"},
	unknownDestination: {"the destination %q can't be taken over: callers get the busy tone until another is given", "无法转换去向 %q：在另行设置之前，来电将听到忙音"},
	badPattern:         {"%q is no pattern of numbers: the row is left out", "%q 不是号码模式：已跳过此行"},
	badValue:           {"%q is left out: it can't stand in the document", "已忽略 %q：文档中不能有这样的值"},
	weakSecret:         {"the password is left out, %s: the box makes one", "密码未导入，%s：设备会自动生成"},
}

// Text is place and problem in words, in one of [provisioning.Languages].
func (p Problem) Text(language string) string {
	format, value := words[p.code][0], p.value
	where := "row %d, %s: "
	if language == "zh-CN" {
		format, where = words[p.code][1], "第 %d 行，%s："
	}
	if p.code == weakSecret {
		value = map[bool]string{true: "太短或含有不允许的字符", false: "it is too short or has marks that can't be used"}[language == "zh-CN"]
	}
	return fmt.Sprintf(where, p.Row, p.Column) + fmt.Sprintf(format, value)
}

// row is a row by the names of its columns, in lower case.
type row struct {
	number int
	cells  map[string]string
}

// get is the first of the columns that has something, and its name.
func (r row) get(columns ...string) (value, column string) {
	for _, c := range columns {
		if v := strings.TrimSpace(r.cells[c]); v != "" {
			return v, c
		}
	}
	return "", columns[0]
}

// read reads a file that must have one of the columns.
func read(r io.Reader, one ...string) ([]row, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the list: %w", err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("the list is larger than %d MiB", maxSize>>20)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) || isOdd(string(data)) {
		if data, err = simplifiedchinese.GB18030.NewDecoder().Bytes(data); err != nil {
			return nil, fmt.Errorf("the list is neither UTF-8 nor GB18030: %w", err)
		}
	}
	c := csv.NewReader(bytes.NewReader(data))
	c.FieldsPerRecord = -1 // rows may be shorter
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the list is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list: %w", err)
	}
	for i, h := range head {
		head[i] = strings.ToLower(strings.TrimSpace(h))
	}
	if !slices.ContainsFunc(one, func(column string) bool { return slices.Contains(head, column) }) {
		return nil, fmt.Errorf("the list has no column %s", strings.Join(one, " or "))
	}
	var rows []row
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the list: %w", err)
		}
		line, _ := c.FieldPos(0)
		cells := map[string]string{}
		for i, v := range record {
			if i < len(head) {
				cells[head[i]] = v
			}
		}
		rows = append(rows, row{line, cells})
	}
}

// isOdd reports whether a text is UTF-8 by chance only: two bytes that are one
// Chinese character in GB18030 are, as UTF-8, often a letter that no name has.
func isOdd(text string) bool {
	odd := false
	for _, r := range text {
		if r >= 0x800 {
			return false // three bytes in a row are hardly chance
		}
		odd = odd || r >= 0x180 && r < 0x370 || r >= 0x500
	}
	return odd
}

// form holds a value against one of the document's forms.
func form(name, value string) bool {
	pattern, ok := provisioning.FormPattern(name)
	return ok && regexp.MustCompile(pattern).MatchString(value)
}

var dahdi = regexp.MustCompile(`(?i)^(?:(?:DAHDI|ZAP)/)?([0-9]{1,4})$`)

// Extensions makes extensions of a list of them, in its order. Telephones on a
// card keep the number of their channel as their port.
func Extensions(r io.Reader) ([]provisioning.Extension, []Problem, error) {
	rows, err := read(r, "extension")
	if err != nil {
		return nil, nil, err
	}
	var out []provisioning.Extension
	var problems []Problem
	for _, row := range rows {
		tell := func(column string, code problem, value string) {
			problems = append(problems, Problem{row.number, column, code, value})
		}
		if action, _ := row.get("action"); strings.EqualFold(action, "del") {
			continue
		}
		e := provisioning.New[provisioning.Extension]()
		var column string
		if e.Number, column = row.get("extension"); !form("number", e.Number) {
			tell(column, noNumber, e.Number)
			continue
		}
		if name, column := row.get("name", "description"); form("name", name) {
			e.Name = name
		} else {
			tell(column, badValue, name)
		}
		if !device(row, &e, tell) {
			continue
		}
		if cid, column := row.get("outboundcid"); cid != "" {
			if number := callerNumber(cid); form("phone", number) {
				e.CallerID = number
			} else {
				tell(column, badValue, cid)
			}
		}
		if timer, column := row.get("ringtimer"); timer != "" && timer != "0" {
			if n, err := strconv.Atoi(timer); err == nil && n >= 5 && n <= 300 {
				e.RingSeconds = n
			} else {
				tell(column, badValue, timer)
			}
		}
		e.Voicemail = mailbox(row, tell)
		out = append(out, e)
	}
	return out, problems, nil
}

// device says what the telephone is; false if it is none that exists here.
func device(row row, e *provisioning.Extension, tell func(string, problem, string)) bool {
	tech, column := row.get("tech")
	switch strings.ToLower(tech) {
	case "sip", "pjsip", "chan_sip", "chan_pjsip", "":
		phone := provisioning.New[provisioning.SIPPhone]()
		if secret, column := row.get("secret", "devinfo_secret"); form("password", secret) && !strings.ContainsAny(secret, `;"\`) {
			phone.Secret = provisioning.Secret(secret)
		} else if secret != "" {
			tell(column, weakSecret, "")
		}
		e.SIP = &phone
	case "dahdi", "zap":
		channel, column := row.get("channel", "devinfo_channel", "dial", "devinfo_dial")
		m := dahdi.FindStringSubmatch(channel)
		if m == nil {
			tell(column, noPort, channel)
			return false
		}
		port, err := strconv.Atoi(m[1])
		if err != nil || port < 1 || port > 1023 {
			tell(column, noPort, channel)
			return false
		}
		e.Port = port
	default:
		tell(column, unknownTech, tech)
		return false
	}
	return true
}

// mailbox is the extension's, or nil.
func mailbox(row row, tell func(string, problem, string)) *provisioning.Mailbox {
	enabled, _ := row.get("voicemail_enable", "vm")
	context, _ := row.get("voicemail") // older versions: the context, or novm
	switch strings.ToLower(enabled) {
	case "yes", "enabled", "enable", "true", "1":
	case "":
		if context == "" || strings.EqualFold(context, "novm") || strings.EqualFold(context, "disabled") {
			return nil
		}
	default:
		return nil
	}
	box := provisioning.New[provisioning.Mailbox]()
	if pin, column := row.get("voicemail_vmpwd", "vmpwd"); form("pin", pin) {
		box.PIN = provisioning.Secret(pin)
	} else if pin != "" {
		tell(column, weakSecret, "")
	}
	return &box
}

// callerNumber is the number in `"Name" <number>`.
func callerNumber(cid string) string {
	if i, j := strings.IndexByte(cid, '<'), strings.IndexByte(cid, '>'); i >= 0 && j > i {
		return strings.TrimSpace(cid[i+1 : j])
	}
	return cid
}

// DIDs makes inbound routes of a list of DIDs: those with a caller's number
// first, then those with a DID, then the one for all. Ring groups, menus,
// announcements and time conditions have only numbers there; here they are
// named after these: group-601, ivr-3, announcement-2, schedule-4.
func DIDs(r io.Reader) ([]provisioning.InboundRoute, []Problem, error) {
	rows, err := read(r, "did", "extension")
	if err != nil {
		return nil, nil, err
	}
	var out []provisioning.InboundRoute
	var problems []Problem
	for _, row := range rows {
		tell := func(column string, code problem, value string) {
			problems = append(problems, Problem{row.number, column, code, value})
		}
		if action, _ := row.get("action"); strings.EqualFold(action, "del") {
			continue
		}
		route := provisioning.New[provisioning.InboundRoute]()
		did, column := row.get("did", "extension")
		if did != "" && !strings.EqualFold(did, "any") {
			if did = pattern(did); !form("pattern", did) {
				tell(column, badPattern, did)
				continue
			}
			route.DID = []string{did}
		}
		cid, column := row.get("cidnum", "cid")
		if cid != "" && !strings.EqualFold(cid, "any") {
			if cid = pattern(cid); !form("callerpattern", cid) {
				tell(column, badPattern, cid)
				continue
			}
			route.Caller = []string{cid}
		}
		text, column := row.get("destination")
		to, ok := destination(text)
		if !ok {
			tell(column, unknownDestination, text)
		}
		route.To = to
		out = append(out, route)
	}
	slices.SortStableFunc(out, func(a, b provisioning.InboundRoute) int { return order(b) - order(a) })
	return out, problems, nil
}

// order says how much a route asks for: FreePBX takes the one that asks for
// most, here it is the first that counts.
func order(r provisioning.InboundRoute) int {
	n := 4*len(r.Caller) + 2*len(r.DID)
	for _, p := range append(slices.Clone(r.DID), r.Caller...) {
		if strings.Trim(p, "+0123456789") == "" {
			n++ // a number comes before a pattern
		}
	}
	return n
}

// pattern is one of FreePBX's in the document's form. Words for callers without
// a number are one here.
func pattern(s string) string {
	s = strings.ReplaceAll(strings.TrimPrefix(s, "_"), " ", "")
	switch strings.ToLower(s) {
	case "anonymous", "private", "blocked", "unknown", "restricted", "unavailable":
		return provisioning.Anonymous
	}
	return strings.NewReplacer("x", "X", "z", "Z", "n", "N").Replace(s)
}

// Destinations of FreePBX are places of its dial plan: context,exten,priority.
var destinations = []struct {
	context *regexp.Regexp
	kind    provisioning.Kind
	prefix  string // of the name here; the number is the context's or the exten's
}{
	{regexp.MustCompile(`^ext-queues$`), provisioning.ToQueue, ""},
	{regexp.MustCompile(`^(?:from-did-direct|ext-local)$`), provisioning.ToExtension, ""},
	{regexp.MustCompile(`^ext-meetme$`), provisioning.ToConference, ""},
	{regexp.MustCompile(`^ext-group$`), provisioning.ToGroup, "group-"},
	{regexp.MustCompile(`^timeconditions$`), provisioning.ToSchedule, "schedule-"},
	{regexp.MustCompile(`^ivr-([0-9]+)$`), provisioning.ToIVR, "ivr-"},
	{regexp.MustCompile(`^app-announcement-([0-9]+)$`), provisioning.ToAnnouncement, "announcement-"},
}

var mailboxOf = regexp.MustCompile(`^vm[usbi]?([0-9]{2,8})$`)

// destination takes one over; false, and the busy tone, if that can't be.
func destination(text string) (provisioning.Destination, bool) {
	busy := provisioning.Destination(provisioning.ToBusy)
	parts := strings.Split(strings.ReplaceAll(text, " ", ""), ",")
	if len(parts) < 2 {
		return busy, false
	}
	context, exten := parts[0], parts[1]
	if context == "app-blackhole" {
		if exten == "busy" || exten == "congestion" {
			return busy, true
		}
		return provisioning.Destination(provisioning.ToHangup), true
	}
	if m := mailboxOf.FindStringSubmatch(exten); m != nil && context == "ext-local" {
		return provisioning.To(provisioning.ToVoicemail, m[1]), true
	}
	for _, d := range destinations {
		m := d.context.FindStringSubmatch(context)
		if m == nil {
			continue
		}
		target := exten
		if len(m) > 1 {
			target = m[1]
		}
		if strings.Trim(target, "0123456789") != "" || target == "" || len(target) > 8 || d.prefix == "" && len(target) < 2 {
			return busy, false
		}
		return provisioning.To(d.kind, d.prefix+target), true
	}
	return busy, false
}
