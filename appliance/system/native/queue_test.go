//go:build native

package native_test

import "testing"

const queues = `{
  "prompts": ["busy", "empty", "full", "late", "left", "wait", "comfort"],
  "announcements": [{"name": "empty", "prompts": ["empty"]}, {"name": "full", "prompts": ["full"]}, {"name": "late", "prompts": ["late"]}, {"name": "left", "prompts": ["left"]}],
  "queues": [
    {"number": "600", "announceAgent": false, "maxWaitSeconds": 4, "maxCallers": 1, "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false,
     "whenEmpty": "announcement:empty", "whenFull": "announcement:full", "whenTimeout": "announcement:late", "keys": {"1": "announcement:left", "2": "callback:600"}},
    {"number": "601", "members": ["1001"], "announceAgent": false, "wrapUpSeconds": 0, "greeting": ["wait"], "announcePosition": true, "announceEstimate": false},
    {"number": "602", "members": ["1002", "1003"], "strategy": "order", "announceAgent": false, "ringSeconds": 5, "missedPause": 1, "wrapUpSeconds": 0,
     "announcePosition": false, "announceEstimate": false},
    {"number": "603", "announceAgent": false, "whenEmpty": "announcement:empty", "announcePosition": false, "announceEstimate": false, "wrapUpSeconds": 0},
    {"number": "604", "members": ["1008"], "announceAgent": false, "rating": true, "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false}],
  "agents": [{"number": "811", "pin": "8110", "queues": {"600": 0}}, {"number": "812", "pin": "8120", "queues": {"603": 0}}],
  "inbound": [
    {"did": ["88880600"], "to": "queue:600"}, {"did": ["88880601"], "to": "queue:601"}, {"did": ["88880602"], "to": "queue:602"},
    {"did": ["88880603"], "to": "queue:603"}, {"did": ["88880604"], "to": "queue:604"}]
}`

func TestEveryEndingOfAQueue(t *testing.T) {
	t.Parallel()
	r := open(t, queues)
	r.story("nobody there, then too many, too long, a key", func(r *room) {
		r.outside("13800000001").calls("88880600").hears("site:empty").isCut()
		anna, ben := r.seat("1004"), r.seat("1005")
		anna.logsIn("811", "8110")
		anna.calls("1005")
		ben.rings().answers()
		talk(anna, ben) // the agent is busy

		dora := r.outside("13800000002").calls("88880600").hearsMusic()
		r.outside("13800000003").calls("88880600").hears("site:full").isCut()
		dora.hears("site:late").isCut()
		r.outside("13800000004").calls("88880600").hearsMusic().presses("1").hears("site:left").isCut()
		r.outside("13800000005").calls("88880600").hearsMusic().hangsUp()
		anna.isNotRung()

		// Free again: the next one who waits gets the agent.
		emil := r.outside("13800000006").calls("88880600").hearsMusic()
		anna.hangsUp()
		anna.rings().answers()
		talk(emil, anna)
		emil.hangsUp()
		anna.isCut()
	})
	r.story("the greeting, the place, the agent hangs up", func(r *room) {
		anna := r.seat("1001")
		dora := r.outside("13800000007").calls("88880601").hears("site:wait")
		anna.rings().answers()
		talk(dora, anna)
		emil := r.outside("13800000008").calls("88880601").hears("site:wait", "queue-youarenext")
		emil.hangsUp()
		anna.hangsUp()
		dora.isCut()
	})
	r.story("who misses a call is not asked again", func(r *room) {
		anna, ben := r.seat("1002"), r.seat("1003")
		dora := r.outside("13800000009").calls("88880602")
		anna.rings().refuses()
		ben.rings().answers()
		talk(dora, ben)
		dora.hangsUp()
		ben.isCut()
		emil := r.outside("13800000010").calls("88880602")
		ben.rings().answers()
		talk(emil, ben)
		emil.hangsUp()
		anna.isNotRung()
	})
	r.story("the last agent leaves", func(r *room) {
		anna := r.seat("1006")
		anna.logsIn("812", "8120")
		dora := r.outside("13800000011").calls("88880603")
		anna.rings().refuses()
		anna.logsOut()
		dora.hears("site:empty").isCut()
	})
	r.story("the caller rates the call", func(r *room) {
		anna := r.seat("1008")
		dora := r.outside("13800000012").calls("88880604")
		anna.rings().answers()
		talk(dora, anna)
		anna.hangsUp()
		dora.hears("switchroom/rate-call").presses("5").hears("switchroom/rate-thanks").isCut()
	})
}
