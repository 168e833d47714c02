//go:build native

package native_test

import "testing"

const features = `{
  "prompts": ["gone"],
  "queues": [{"number": "600", "members": ["1001"], "announceAgent": false, "announcePosition": false, "announceEstimate": false, "wrapUpSeconds": 0},
             {"number": "601", "members": ["1004"], "announceAgent": false, "announcePosition": false, "announceEstimate": false, "wrapUpSeconds": 0}],
  "parking": {"number": "7000", "first": "7001", "last": "7009"},
  "inbound": [{"did": ["88880600"], "to": "queue:600"}, {"did": ["88880601"], "to": "queue:601"}]
}`

// TestCodesDuringACall: the agent's leg has features, the caller's has none.
func TestCodesDuringACall(t *testing.T) {
	t.Parallel()
	r := open(t, features)
	r.story("the agent gives the call away", func(r *room) {
		anna, ben := r.seat("1001"), r.seat("1002")
		dora := r.outside("13800000001").calls("88880600")
		anna.rings().answers()
		talk(dora, anna)
		for _, code := range []string{"#1", "#2", "#3", "#0", "#9", "*8"} {
			dora.presses(code)
		}
		talk(dora, anna)
		anna.presses("#1").hears("pbx-transfer").presses("1002")
		ben.rings().isShown("13800000001").answers()
		anna.isCut()
		talk(dora, ben)
		ben.hangsUp()
		dora.isCut()
	})
	r.story("the agent asks first, then all three", func(r *room) {
		anna, ben := r.seat("1004"), r.seat("1005")
		dora := r.outside("13800000002").calls("88880601")
		anna.rings().answers()
		talk(dora, anna)
		anna.presses("#2").hears("pbx-transfer").presses("1005")
		ben.rings().answers()
		talk(anna, ben)
		dora.hearsNot(ben)
		anna.presses("#3")
		talk(dora, ben)
		talk(anna, dora)
		talk(ben, anna)
		anna.hangsUp()
		talk(dora, ben)
		dora.hangsUp()
		ben.isCut()
	})
	r.story("a call is parked", func(r *room) {
		anna, ben := r.seat("1003"), r.seat("1009")
		ben.calls("1003")
		anna.rings().answers()
		talk(anna, ben)
		anna.transfers("7000")
		anna.calls("7001").isAnswered()
		talk(anna, ben)
		ben.hangsUp()
		anna.isCut()
	})
}

// TestPickup takes the call that rings elsewhere: the only one in the house.
func TestPickup(t *testing.T) {
	t.Parallel()
	r := open(t, features)
	anna, ben, clara := r.seat("1006"), r.seat("1007"), r.seat("1008")
	clara.calls("1006")
	anna.rings()
	ben.calls("*8").isAnswered()
	anna.isCut()
	talk(clara, ben)
	clara.hangsUp()
	ben.isCut()
}
