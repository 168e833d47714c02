package reports

import (
	"maps"
	"slices"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/ledger"
)

// queueTally is what is added up for one queue in one period.
type queueTally struct {
	offered, answered, abandoned, short, timeout, key, full, joinEmpty, leftEmpty, withdrawn, lost, waiting int
	within                                                                                                  int // answered within the service level
	waitAnswered, waitAbandoned, waitAll, longest                                                           time.Duration
	talk, hold, wrap                                                                                        time.Duration
	transfers, byCaller, byAgent, bySystem                                                                  int
	rated, stars, callbacks                                                                                 int
}

// QueueColumns are the figures of a queue.
func QueueColumns() []Column {
	return []Column{
		{"offered", Text{"Offered", "呼入量"}, Text{"callers who came to the queue, let in or not", "到达队列的来电数,含未能进入者"}, Count},
		{"answered", Text{"Answered", "接听量"}, Text{"connected to an agent", "接通座席的来电数"}, Count},
		{"abandoned", Text{"Abandoned", "放弃量"}, Text{"hung up while waiting", "等待中挂机的来电数"}, Count},
		{"abandonedShort", Text{"Abandoned at once", "短时放弃量"}, Text{"of the abandoned, those within the threshold (5 s unless set)", "放弃量中,等待不超过阈值(默认 5 秒)的来电数"}, Count},
		{"timedOut", Text{"Timed out", "超时量"}, Text{"waited as long as the queue allows", "等待达到队列上限的来电数"}, Count},
		{"leftByKey", Text{"Left by key", "按键离开量"}, Text{"pressed a key to leave, call-back included", "按键离开队列的来电数,含请求回拨"}, Count},
		{"full", Text{"Full", "队列满"}, Text{"not let in: too many callers", "因排队人数已满未能进入"}, Count},
		{"joinEmpty", Text{"Empty on joining", "进入时无座席"}, Text{"not let in: no agent", "因无座席未能进入"}, Count},
		{"leaveEmpty", Text{"Empty while waiting", "等待中无座席"}, Text{"taken out because the last agent left", "等待中因最后一名座席离开而退出"}, Count},
		{"other", Text{"Other", "其他"}, Text{"still waiting, withdrawn, or lost with a restart; offered = answered + abandoned + timed out + left by key + full + both empties + other", "仍在等待、被取出或因重启丢失;呼入量 = 接听 + 放弃 + 超时 + 按键离开 + 队列满 + 两种无座席 + 其他"}, Count},
		{"serviceLevel", Text{"Service level", "服务水平"}, Text{"answered within the queue's threshold (20 s unless set) ÷ (offered − abandoned at once)", "阈值(默认 20 秒)内接听量 ÷(呼入量 − 短时放弃量)"}, Ratio},
		{"answerRate", Text{"Answer rate", "接通率"}, Text{"answered ÷ offered", "接听量 ÷ 呼入量"}, Ratio},
		{"abandonRate", Text{"Abandon rate", "放弃率"}, Text{"abandoned ÷ offered", "放弃量 ÷ 呼入量"}, Ratio},
		{"averageSpeedOfAnswer", Text{"Average speed of answer", "平均应答时间"}, Text{"sum of the waits of the answered ÷ answered", "已接听来电等待时间之和 ÷ 接听量"}, Seconds},
		{"averageAbandonTime", Text{"Average time to abandon", "平均放弃时间"}, Text{"sum of the waits of the abandoned ÷ abandoned", "放弃来电等待时间之和 ÷ 放弃量"}, Seconds},
		{"averageWait", Text{"Average wait", "平均等待"}, Text{"sum of all waits ÷ offered", "全部等待时间之和 ÷ 呼入量"}, Seconds},
		{"longestWait", Text{"Longest wait", "最长等待"}, Text{"the longest of all waits", "全部等待时间的最大值"}, Seconds},
		{"talk", Text{"Talk time", "通话时长"}, Text{"from the agent's answer to the end of the agent's part, holding excluded", "从座席接听到座席结束,不含保持"}, Seconds},
		{"hold", Text{"Hold time", "保持时长"}, Text{"the caller was on hold during that", "其间来电者处于保持的时长"}, Seconds},
		{"wrapUp", Text{"Wrap-up time", "话后处理时长"}, Text{"agents paused for wrap-up after a call of the queue", "座席在本队列来电后处于话后处理的时长"}, Seconds},
		{"averageHandlingTime", Text{"Average handling time", "平均处理时长"}, Text{"(talk + hold + wrap-up) ÷ answered", "(通话 + 保持 + 话后处理)÷ 接听量"}, Seconds},
		{"transfers", Text{"Transfers", "转接量"}, Text{"answered calls that the agent handed on", "接听后被座席转出的来电数"}, Count},
		{"endedByCaller", Text{"Ended by caller", "客户挂机"}, Text{"answered calls in which the caller hung up first", "接听后客户先挂机的来电数"}, Count},
		{"endedByAgent", Text{"Ended by agent", "座席挂机"}, Text{"answered calls in which the agent hung up first", "接听后座席先挂机的来电数"}, Count},
		{"callbacks", Text{"Call-backs asked for", "回拨请求"}, Text{"left the queue by key, and the call ended with a request to be called back", "按键离开队列并请求回拨的来电数"}, Count},
		{"ratings", Text{"Ratings", "评价数"}, Text{"callers who rated, 1 to 5, counted for the last queue that answered", "给出 1–5 分评价的来电数,计入最后接听的队列"}, Count},
		{"averageRating", Text{"Average rating", "平均满意度"}, Text{"sum of ratings ÷ ratings", "评价分之和 ÷ 评价数"}, Number},
	}
}

func (t *queueTally) values() []Value {
	return []Value{
		count(t.offered), count(t.answered), count(t.abandoned), count(t.short), count(t.timeout), count(t.key), count(t.full), count(t.joinEmpty), count(t.leftEmpty),
		count(t.waiting + t.withdrawn + t.lost),
		ratio(float64(t.within), float64(t.offered-t.short)), ratio(float64(t.answered), float64(t.offered)), ratio(float64(t.abandoned), float64(t.offered)),
		ratio(t.waitAnswered.Seconds(), float64(t.answered)), ratio(t.waitAbandoned.Seconds(), float64(t.abandoned)), ratio(t.waitAll.Seconds(), float64(t.offered)),
		seconds(t.longest), seconds(t.talk), seconds(t.hold), seconds(t.wrap), ratio((t.talk + t.hold + t.wrap).Seconds(), float64(t.answered)),
		count(t.transfers), count(t.byCaller), count(t.byAgent), count(t.callbacks), count(t.rated), ratio(float64(t.stars), float64(t.rated)),
	}
}

func (t *queueTally) add(v calls.Visit, last bool, c calls.Call, q Query) {
	t.offered++
	wait := v.Wait()
	if v.Left.IsZero() {
		wait = max(q.Now.Sub(v.Entered), 0)
	}
	t.waitAll += wait
	t.longest = max(t.longest, wait)
	switch v.Outcome {
	case calls.QueueConnected:
		t.answered++
		t.waitAnswered += wait
		if wait <= q.serviceLevel(v.Queue) {
			t.within++
		}
		t.talk += v.Talk()
		t.hold += v.Hold
		if v.Transferred {
			t.transfers++
		}
		switch v.EndedBy {
		case calls.ByCaller:
			t.byCaller++
		case calls.ByAgent:
			t.byAgent++
		case calls.BySystem:
			t.bySystem++
		}
		if last && c.Rating > 0 {
			t.rated++
			t.stars += c.Rating
		}
	case calls.QueueAbandoned:
		t.abandoned++
		t.waitAbandoned += wait
		if wait <= q.shortAbandon() {
			t.short++
		}
	case calls.QueueTimeout:
		t.timeout++
	case calls.QueueKey:
		t.key++
		if c.Outcome == calls.Callback {
			t.callbacks++
		}
	case calls.QueueFull:
		t.full++
	case calls.QueueJoinEmpty:
		t.joinEmpty++
	case calls.QueueLeftEmpty:
		t.leftEmpty++
	case calls.QueueWithdrawn:
		t.withdrawn++
	case calls.QueueLost:
		t.lost++
	default:
		t.waiting++
	}
}

// Queues makes the report of queues. The calls are those that began before To,
// and early enough to be in a queue after From; events all those before To.
func Queues(list []calls.Call, events []ledger.AgentEvent, q Query) Report {
	r := Report{
		Title: Text{"Queues", "队列报表"}, Subject: Text{"Queue", "队列"}, By: q.By, Zone: q.zone().String(), Columns: QueueColumns(),
	}
	wraps := wrapUps(list, events, q)
	names := map[string]bool{}
	for _, c := range list {
		for _, v := range c.Queues {
			if !v.Entered.Before(q.From) && v.Entered.Before(q.To) {
				names[v.Queue] = true
			}
		}
	}
	for _, p := range cut(q.From, q.To, q.By, q.zone()) {
		tallies := map[string]*queueTally{}
		for n := range names {
			tallies[n] = new(queueTally)
		}
		for _, c := range list {
			answered := -1
			for i, v := range c.Queues {
				if v.Outcome == calls.QueueConnected {
					answered = i
				}
			}
			for i, v := range c.Queues {
				if !v.Entered.Before(p.from) && v.Entered.Before(p.to) {
					tallies[v.Queue].add(v, i == answered, c, q)
				}
			}
		}
		for _, w := range wraps {
			if t := tallies[w.queue]; t != nil {
				t.wrap += w.spans.and(spans{p}).length()
			}
		}
		for _, n := range slices.Sorted(maps.Keys(tallies)) {
			if len(q.Only) > 0 && !slices.Contains(q.Only, n) {
				continue
			}
			r.Rows = append(r.Rows, Row{From: p.from, To: p.to, Period: label(p, q.By, q.zone()), Subject: n, Values: tallies[n].values()})
		}
	}
	return r
}
