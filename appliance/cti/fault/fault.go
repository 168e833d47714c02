// Package fault is what agents are told when something can't be done: a code
// for programs, and a sentence in each language of the box.
package fault

import (
	"errors"
	"fmt"
)

// Code names a fault. Codes are part of the protocol and never change.
type Code string

// The faults.
const (
	BadRequest   Code = "bad-request"
	Unknown      Code = "unknown-command"
	NotAllowed   Code = "not-allowed"
	LoggedOut    Code = "logged-out"
	SeatUnknown  Code = "seat-unknown"
	SeatTaken    Code = "seat-taken"
	Elsewhere    Code = "logged-in-elsewhere"
	Always       Code = "always-connected"
	AgentUnknown Code = "agent-unknown"
	AgentAway    Code = "agent-away"
	QueueUnknown Code = "queue-unknown"
	CallUnknown  Code = "call-unknown"
	InCall       Code = "in-call"
	InACall      Code = "in-a-call"
	NoCall       Code = "no-call"
	NotTalking   Code = "not-talking"
	NotRinging   Code = "not-ringing"
	NotHeld      Code = "not-held"
	IsHeld       Code = "is-held"
	Asking       Code = "asking"
	NotAsking    Code = "not-asking"
	NotWaiting   Code = "not-waiting"
	NotListening Code = "not-listening"
	Alone        Code = "alone"
	BadNumber    Code = "bad-number"
	AtTelephone  Code = "at-the-telephone"
	Refused      Code = "refused"
	NoAnswer     Code = "no-answer"
	Down         Code = "down"
	TooFast      Code = "too-fast"
	Internal     Code = "internal"
	WrongPIN     Code = "wrong-pin"
	LockedOut    Code = "locked-out"
	WrongToken   Code = "wrong-token"
	WrongOrigin  Code = "wrong-origin"
	TooMany      Code = "too-many"
)

// texts are English and Chinese. %s is the first argument of New.
var texts = map[Code][2]string{
	BadRequest:   {"The request can't be understood: %s", "请求无法识别：%s"},
	Unknown:      {"There is no such command: %s", "没有这个命令：%s"},
	NotAllowed:   {"You don't have the right to do this: %s", "您没有此项权限：%s"},
	LoggedOut:    {"You are not logged in at a telephone.", "您尚未签入分机。"},
	SeatUnknown:  {"There is no extension %s.", "没有分机 %s。"},
	SeatTaken:    {"Somebody else is logged in at extension %s.", "分机 %s 已有其他座席签入。"},
	Elsewhere:    {"You are logged in at extension %s already. Log out there first.", "您已在分机 %s 签入，请先在那里签出。"},
	Always:       {"This agent is connected for the whole shift, and logs in at the telephone.", "该座席为长连接座席，请在话机上签入。"},
	AgentUnknown: {"There is no agent %s.", "没有工号 %s。"},
	AgentAway:    {"Agent %s is not logged in.", "座席 %s 尚未签入。"},
	QueueUnknown: {"There is no queue %s.", "没有队列 %s。"},
	CallUnknown:  {"This call has ended.", "该通话已结束。"},
	InCall:       {"You are in a call. End it first.", "您正在通话中，请先结束通话。"},
	InACall:      {"Agent %s is in a call.", "座席 %s 正在通话中。"},
	NoCall:       {"There is no call.", "当前没有通话。"},
	NotTalking:   {"Nobody is talking yet.", "通话尚未接通。"},
	NotRinging:   {"No telephone is ringing.", "没有话机在振铃。"},
	NotHeld:      {"The call is not on hold.", "通话未被保持。"},
	IsHeld:       {"The call is on hold. Resume it first.", "通话已被保持，请先恢复。"},
	Asking:       {"You are asking somebody. Complete the transfer or cancel it first.", "您正在咨询，请先完成或取消转接。"},
	NotAsking:    {"You are not asking anybody.", "当前没有咨询通话。"},
	NotWaiting:   {"This caller is not waiting in a queue.", "该来电不在队列中等待。"},
	NotListening: {"You are not listening to a call.", "您没有在监听。"},
	Alone:        {"The customer would be alone.", "客户将无人接听。"},
	BadNumber:    {"This is no number that can be called: %s", "号码无效：%s"},
	AtTelephone:  {"This has to be done at the telephone.", "请在话机上操作。"},
	Refused:      {"The exchange refused: %s", "交换机拒绝了操作：%s"},
	NoAnswer:     {"The exchange did not do it in time. Nothing has changed.", "交换机未及时响应，状态没有变化。"},
	Down:         {"The exchange is starting. Try again in a moment.", "交换机正在启动，请稍后再试。"},
	TooFast:      {"Too many commands. Wait a moment.", "操作过于频繁，请稍候。"},
	Internal:     {"Something went wrong inside.", "系统内部错误。"},
	WrongPIN:     {"The agent's number or the PIN is wrong.", "工号或密码错误。"},
	LockedOut:    {"Too many wrong PINs. Try again in %s seconds.", "密码错误次数过多，请在 %s 秒后重试。"},
	WrongToken:   {"The log-in has expired. Log in again.", "登录已过期，请重新登录。"},
	WrongOrigin:  {"This page may not use the call centre: %s", "此页面无权使用呼叫中心：%s"},
	TooMany:      {"Too many connections.", "连接过多。"},
}

// Error is a fault with what it is about.
type Error struct {
	Code Code
	Arg  string
	Err  error // the cause, for logs; may be nil
}

// New makes a fault. The argument is what its sentence names.
func New(code Code, arg ...string) *Error {
	e := &Error{Code: code}
	if len(arg) > 0 {
		e.Arg = arg[0]
	}
	return e
}

// Because makes a fault of a cause.
func Because(code Code, err error) *Error { return &Error{Code: code, Arg: err.Error(), Err: err} }

func (e *Error) Error() string { return string(e.Code) + ": " + e.Text("en") }

func (e *Error) Unwrap() error { return e.Err }

// Text is the sentence in a language, "en" or "zh-CN"; English for any other.
func (e *Error) Text(language string) string {
	t, ok := texts[e.Code]
	if !ok {
		t = texts[Internal]
	}
	text := t[0]
	if language == "zh-CN" {
		text = t[1]
	}
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '%' && text[i+1] == 's' {
			return fmt.Sprintf(text, e.Arg)
		}
	}
	return text
}

// Of is the fault that an error is, or [Internal] with the error as its cause.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Err: err}
}

// Codes are all codes, for who describes them.
func Codes() []Code {
	var out []Code
	for c := range texts {
		out = append(out, c)
	}
	return out
}
