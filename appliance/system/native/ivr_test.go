//go:build native

package native_test

import "testing"

const menus = `{
  "prompts": ["welcome", "sales", "wrong", "nothing", "bye", "deep", "number"],
  "ivrs": [
    {"name": "main", "greeting": ["welcome", "number"], "invalidPrompt": "wrong", "retries": 1, "timeoutSeconds": 2, "directDial": true,
     "keys": {"1": "extension:1001", "2": "announcement:sales", "3": "ivr:deep", "0": "queue:600", "*": "announcement:bye", "#": "hangup"},
     "languages": {"8": "zh-CN", "9": "en"},
     "timeout": "announcement:nothing", "invalid": "announcement:bye"},
    {"name": "deep", "greeting": ["deep"], "keys": {"1": "announcement:bye", "9": "ivr:main"}, "retries": 0, "timeoutSeconds": 1,
     "timeout": "extension:1002"}],
  "announcements": [{"name": "sales", "prompts": ["sales"]}, {"name": "bye", "prompts": ["bye"]}, {"name": "nothing", "prompts": ["nothing"]}],
  "queues": [{"number": "600", "members": ["1003"], "announceAgent": false}],
  "inbound": [{"to": "ivr:main"}]
}`

func TestEveryBranchOfAMenu(t *testing.T) {
	t.Parallel()
	r := open(t, menus)
	at := func(r *room, number string) *person {
		return r.outside(number).calls("4008001234").hears("site:welcome")
	}
	r.story("a key after the greeting", func(r *room) {
		dora, anna := at(r, "13800000001"), r.seat("1001")
		dora.hears("site:number").presses("1")
		anna.rings().answers()
		talk(dora, anna)
		dora.hangsUp()
		anna.isCut()
	})
	r.story("a key during the greeting", func(r *room) {
		at(r, "13800000002").presses("2").hears("site:sales").isCut()
	})
	r.story("star", func(r *room) { at(r, "13800000003").presses("*").hears("site:bye").isCut() })
	r.story("hash", func(r *room) { at(r, "13800000004").presses("#").isCut() })
	r.story("queue", func(r *room) {
		ben := r.seat("1003")
		dora := at(r, "13800000005").presses("0")
		ben.rings().answers()
		talk(dora, ben)
		ben.hangsUp()
		dora.isCut()
	})
	r.story("another menu and back", func(r *room) {
		at(r, "13800000006").presses("3").hears("site:deep").presses("9").hears("site:welcome").
			presses("3").hears("site:deep").presses("1").hears("site:bye").isCut()
	})
	r.story("another menu and nothing", func(r *room) {
		clara := r.seat("1002")
		dora := at(r, "13800000007").presses("3").hears("site:deep")
		clara.rings().answers()
		talk(dora, clara)
		dora.hangsUp()
		clara.isCut()
	})
	r.story("nothing", func(r *room) {
		at(r, "13800000008").hears("site:number", "site:welcome", "site:number", "site:nothing").isCut()
	})
	r.story("wrong keys", func(r *room) {
		at(r, "13800000009").presses("5").hears("site:wrong", "site:welcome").presses("6").hears("site:bye").isCut()
	})
	r.story("a wrong key and then a right one", func(r *room) {
		at(r, "13800000010").presses("5").hears("site:wrong", "site:welcome").presses("2").hears("site:sales").isCut()
	})
	r.story("another language", func(r *room) {
		dora := at(r, "13800000011").presses("8")
		dora.language = "zh"
		dora.hears("site:welcome").presses("2").hears("site:sales").isCut()
	})
	r.story("the number of an extension", func(r *room) {
		emil := r.seat("1004")
		dora := at(r, "13800000012").presses("1004")
		emil.rings().answers()
		talk(dora, emil)
		emil.hangsUp()
		dora.isCut()
	})
	r.story("a number outside", func(r *room) {
		// Never from a caller's key presses.
		dora, frida := at(r, "13800000013"), r.outside("01012345678")
		dora.presses("901012345678").hangsUp()
		frida.isNotRung()
	})
}
