package reports

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"switchroom/appliance/calls"
)

// words for what a record says.
var (
	directions = map[calls.Direction]Text{
		calls.Inbound: {"in", "呼入"}, calls.Outbound: {"out", "呼出"}, calls.Internal: {"internal", "内部"}, calls.Feature: {"feature", "功能码"},
	}
	outcomes = map[calls.Outcome]Text{
		calls.Running: {"running", "进行中"}, calls.Answered: {"answered", "已接听"}, calls.Conference: {"conference", "会议"},
		calls.Voicemail: {"voicemail", "语音信箱"}, calls.Callback: {"call-back asked for", "请求回拨"}, calls.Abandoned: {"abandoned", "放弃"},
		calls.Busy: {"busy", "忙"}, calls.NoAnswer: {"no answer", "无人接听"}, calls.Failed: {"failed", "失败"}, calls.Refused: {"refused", "拒绝"},
		calls.Served: {"served by menus", "语音自助"}, calls.Lost: {"lost with a restart", "重启丢失"},
	}
	enders = map[calls.EndedBy]Text{
		calls.ByCaller: {"caller", "主叫"}, calls.ByAgent: {"agent", "座席"}, calls.ByCallee: {"callee", "被叫"}, calls.BySystem: {"system", "系统"},
	}
)

// DirectionText, OutcomeText and EndedByText say it to people.
func DirectionText(d calls.Direction) Text { return directions[d] }

// OutcomeText says it to people.
func OutcomeText(o calls.Outcome) Text { return outcomes[o] }

// EndedByText says it to people.
func EndedByText(e calls.EndedBy) Text { return enders[e] }

// listColumns are those of a list of calls.
var listColumns = []Text{
	{"Call", "通话编号"}, {"Start", "开始"}, {"Answered", "接听"}, {"End", "结束"}, {"Direction", "方向"}, {"Caller", "主叫"}, {"Name", "主叫名称"}, {"Dialled", "被叫"},
	{"Route", "路由与菜单"}, {"Queues", "队列"}, {"Wait (s)", "等待(秒)"}, {"Agent", "工号"}, {"Talk (s)", "通话(秒)"}, {"Hold (s)", "保持(秒)"},
	{"Outcome", "结果"}, {"Ended by", "挂机方"}, {"Cause", "原因码"}, {"Transfers", "转接"}, {"Rating", "评价"},
}

// ListCSV writes calls, a line each, as [Report.CSV] writes reports.
func ListCSV(w io.Writer, list []calls.Call, language string, zone *time.Location) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	var head []string
	for _, t := range listColumns {
		head = append(head, t.In(language))
	}
	_ = c.Write(head) // Error says it
	for _, call := range list {
		_ = c.Write(line(call, language, zone))
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("writing calls as CSV: %w", err)
	}
	return nil
}

func line(c calls.Call, language string, zone *time.Location) []string {
	var route, queues, agents, transfers []string
	var wait, talk, hold time.Duration
	for _, s := range c.Path {
		name := s.Name
		if s.Key != "" {
			name += "=" + s.Key
		}
		route = append(route, name)
	}
	for _, v := range c.Queues {
		queues = append(queues, v.Queue)
		wait += v.Wait()
	}
	seen := map[string]bool{}
	for _, l := range c.Legs {
		if l.Role == calls.RoleCaller {
			talk, hold = l.Talk, l.Hold()
		}
		if l.Agent != "" && (!l.Answered.IsZero() || l.Role == calls.RoleCaller) && !seen[l.Agent] {
			seen[l.Agent] = true
			agents = append(agents, l.Agent)
		}
	}
	for _, v := range c.Queues {
		if v.Agent != "" && !seen[v.Agent] {
			seen[v.Agent] = true
			agents = append(agents, v.Agent)
		}
	}
	for _, t := range c.Transfers {
		transfers = append(transfers, t.Kind+" "+t.By+" > "+t.To)
	}
	rating, cause := "", ""
	if c.Rating > 0 {
		rating = strconv.Itoa(c.Rating)
	}
	if c.Cause > 0 {
		cause = strconv.Itoa(c.Cause)
	}
	f := []string{
		c.ID, local(c.Start, zone), local(c.Answered, zone), local(c.End, zone), DirectionText(c.Direction).In(language), c.Caller.Number, c.Caller.Name, c.Dialled,
		strings.Join(route, " "), strings.Join(queues, " "), plain(value(wait.Seconds())), strings.Join(agents, " "), plain(value(talk.Seconds())), plain(value(hold.Seconds())),
		OutcomeText(c.Outcome).In(language), EndedByText(c.EndedBy).In(language), cause, strings.Join(transfers, "; "), rating,
	}
	for i := range f {
		f[i] = Safe(f[i])
	}
	return f
}
