package reports

import (
	"maps"
	"slices"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/ledger"
)

// AgentColumns are the figures of an agent; the pauses' reasons come behind.
func AgentColumns() []Column {
	return []Column{
		{"loggedIn", Text{"Logged in", "签入时长"}, Text{"time from log-in to log-out", "从签入到签出的时长"}, Seconds},
		{"ready", Text{"Ready", "空闲时长"}, Text{"logged in − paused − wrap-up − ringing − talk − hold", "签入 − 临时退出 − 话后处理 − 振铃 − 通话 − 保持"}, Seconds},
		{"paused", Text{"Paused", "临时退出时长"}, Text{"logged in and paused, for any reason but wrap-up, and on no call", "签入后处于临时退出(不含话后处理)且未在通话的时长"}, Seconds},
		{"ringing", Text{"Ringing", "振铃时长"}, Text{"the telephone rang", "话机振铃的时长"}, Seconds},
		{"talk", Text{"Talk", "通话时长"}, Text{"on a call, from the answer to the end, holding excluded", "从接通到结束,不含保持"}, Seconds},
		{"hold", Text{"Hold", "保持时长"}, Text{"on a call whose other side was on hold", "通话中对方处于保持的时长"}, Seconds},
		{"wrapUp", Text{"Wrap-up", "话后处理时长"}, Text{"paused for wrap-up", "话后处理状态的时长"}, Seconds},
		{"occupancy", Text{"Occupancy", "工时利用率"}, Text{"(talk + hold + wrap-up) ÷ (logged in − paused), of the time logged in", "(通话 + 保持 + 话后处理)÷(签入 − 临时退出),仅计签入期间"}, Ratio},
		{"answered", Text{"Answered", "接听量"}, Text{"queue calls answered", "接听的队列来电数"}, Count},
		{"direct", Text{"Answered directly", "直接接听量"}, Text{"calls answered that no queue offered", "接听的非队列来电数"}, Count},
		{"outbound", Text{"Outbound", "外呼量"}, Text{"calls made to outside", "拨出的外线电话数"}, Count},
		{"outboundAnswered", Text{"Outbound answered", "外呼接通量"}, Text{"of these, answered", "其中接通的电话数"}, Count},
		{"missed", Text{"Missed", "未接量"}, Text{"queue calls that rang and were not answered in time", "振铃超时未接的队列来电数"}, Count},
		{"rejected", Text{"Rejected", "拒接量"}, Text{"queue calls refused by the telephone, or busy", "被话机拒绝或忙的队列来电数"}, Count},
		{"callsPerHour", Text{"Calls per hour", "每小时接听量"}, Text{"(answered + answered directly) ÷ hours logged in", "(接听量 + 直接接听量)÷ 签入小时数"}, Number},
		{"averageHandlingTime", Text{"Average handling time", "平均处理时长"}, Text{"(talk + hold + wrap-up) ÷ (answered + answered directly + outbound answered)", "(通话 + 保持 + 话后处理)÷(接听量 + 直接接听量 + 外呼接通量)"}, Seconds},
		{"transfers", Text{"Transfers", "转接量"}, Text{"queue calls handed on", "转出的队列来电数"}, Count},
		{"ratings", Text{"Ratings", "评价数"}, Text{"callers who rated the call, 1 to 5", "给出 1–5 分评价的来电数"}, Count},
		{"averageRating", Text{"Average rating", "平均满意度"}, Text{"sum of ratings ÷ ratings", "评价分之和 ÷ 评价数"}, Number},
	}
}

// agentTally is what is counted for one agent in one period.
type agentTally struct {
	answered, direct, outbound, outboundAnswered, missed, rejected, transfers, rated, stars int
}

func tallyAgents(list []calls.Call, p span) map[string]*agentTally {
	out := map[string]*agentTally{}
	get := func(agent string) *agentTally {
		t := out[agent]
		if t == nil {
			t = new(agentTally)
			out[agent] = t
		}
		return t
	}
	inside := func(t time.Time) bool { return !t.Before(p.from) && t.Before(p.to) }
	for _, c := range list {
		lastAgent := ""
		for _, v := range c.Queues {
			if v.Outcome == calls.QueueConnected {
				lastAgent = v.Agent
				if inside(v.Left) {
					t := get(v.Agent)
					t.answered++
					if v.Transferred {
						t.transfers++
					}
				}
			}
			for _, r := range v.Rings {
				if !inside(r.Start) {
					continue
				}
				switch r.Result {
				case calls.RingMissed:
					get(r.Agent).missed++
				case calls.RingRejected:
					get(r.Agent).rejected++
				}
			}
		}
		if c.Rating > 0 && lastAgent != "" && inside(c.Start) {
			t := get(lastAgent)
			t.rated++
			t.stars += c.Rating
		}
		for _, l := range c.Legs {
			switch {
			case l.Agent == "":
			case l.Role == calls.RoleCaller && c.Direction == calls.Outbound && inside(l.Start):
				t := get(l.Agent)
				t.outbound++
				if !c.Answered.IsZero() {
					t.outboundAnswered++
				}
			case l.Role != calls.RoleCaller && l.Queue == "" && !l.Answered.IsZero() && inside(l.Answered):
				get(l.Agent).direct++
			}
		}
	}
	return out
}

// Agents makes the report of agents, with the same calls and events as
// [Queues]. Behind the columns of [AgentColumns] there is one for each reason
// of a pause that occurs.
func Agents(list []calls.Call, events []ledger.AgentEvent, q Query) Report {
	until := q.To
	if !q.Now.IsZero() && q.Now.Before(until) {
		until = q.Now
	}
	r := Report{
		Title: Text{"Agents", "座席报表"}, Subject: Text{"Agent", "工号"}, By: q.By, Zone: q.zone().String(), Columns: AgentColumns(),
	}
	lines := timelines(list, events, until)
	reasons := map[string]bool{}
	for _, l := range lines {
		for reason, s := range l.paused {
			if len(s.and(spans{{q.From, q.To}})) > 0 {
				reasons[reason] = true
			}
		}
	}
	order := slices.Sorted(maps.Keys(reasons))
	for _, reason := range order {
		name := reason
		title := Text{"Paused: " + name, "临时退出:" + name}
		if name == "" {
			title = Text{"Paused: no reason", "临时退出:未说明"}
		}
		r.Columns = append(r.Columns, Column{"paused." + reason, title, Text{"paused for that reason, on no call", "因该原因临时退出且未在通话的时长"}, Seconds})
	}
	names := slices.Sorted(maps.Keys(lines))
	for _, p := range cut(q.From, q.To, q.By, q.zone()) {
		tallies := tallyAgents(list, p)
		for _, name := range names {
			if len(q.Only) > 0 && !slices.Contains(q.Only, name) {
				continue
			}
			l := lines[name]
			in := spans{p}
			t := tallies[name]
			if t == nil {
				t = new(agentTally)
			}
			logged := l.loggedIn.and(in)
			hold := l.hold.and(in)
			talk := l.busy.minus(l.hold).and(in)
			wrap := l.wrapUp.minus(l.busy).and(in)
			engaged := l.busy.or(l.wrapUp).or(l.ringing)
			ringing := l.ringing.minus(l.busy).minus(l.wrapUp).and(in)
			var paused spans
			byReason := map[string]time.Duration{}
			for reason, s := range l.paused {
				s = s.minus(engaged).and(in)
				byReason[reason] = s.length()
				paused = paused.or(s)
			}
			ready := logged.minus(engaged).minus(paused)
			worked := l.busy.or(l.wrapUp).and(logged)
			row := Row{From: p.from, To: p.to, Period: label(p, q.By, q.zone()), Subject: name, Values: []Value{
				seconds(logged.length()), seconds(ready.length()), seconds(paused.length()), seconds(ringing.length()), seconds(talk.length()),
				seconds(hold.length()), seconds(wrap.length()),
				ratio(worked.length().Seconds(), (logged.length() - paused.length()).Seconds()),
				count(t.answered), count(t.direct), count(t.outbound), count(t.outboundAnswered), count(t.missed), count(t.rejected),
				ratio(float64(t.answered+t.direct), logged.length().Hours()),
				ratio((talk.length() + hold.length() + wrap.length()).Seconds(), float64(t.answered+t.direct+t.outboundAnswered)),
				count(t.transfers), count(t.rated), ratio(float64(t.stars), float64(t.rated)),
			}}
			for _, reason := range order {
				row.Values = append(row.Values, seconds(byReason[reason]))
			}
			r.Rows = append(r.Rows, row)
		}
	}
	return r
}
