//go:build native

package native_test

import "testing"

// TestTelephones is what telephones do with each other, and a proof that the test's own ones can.
func TestTelephones(t *testing.T) {
	t.Parallel()
	r := open(t, `{}`)
	t.Run("stories", func(t *testing.T) {
		r := &room{t: t, ctx: r.ctx, box: r.box, site: r.site, shared: r.shared}
		anna, ben, clara := r.seat("1001"), r.seat("1002"), r.seat("1003")

		anna.calls("1002")
		ben.rings().isShown("1001")
		anna.waitsForRinging()
		ben.answers()
		anna.isAnswered()
		talk(anna, ben)
		anna.hearsNot(clara)

		anna.holds()
		ben.hearsNot(anna)
		anna.resumes()
		talk(anna, ben)

		ben.transfers("1003")
		clara.rings().answers()
		talk(anna, clara)
		clara.hangsUp()
		anna.isCut()

		anna.calls("1002")
		ben.rings().refuses()
		anna.isRefused(486)

		anna.calls("1002")
		ben.rings()
		anna.hangsUp()
		ben.isCut()

		anna.calls("1002")
		ben.rings().answers()
		talk(anna, ben)
		ben.putsAside()
		ben.calls("1003")
		clara.rings().answers()
		talk(ben, clara)
		ben.joins()
		talk(anna, clara)
		ben.isCut()
		anna.hangsUp()
		clara.isCut()

		dora := r.outside("13800138000")
		dora.calls("1001")
		anna.rings().answers()
		talk(anna, dora)
		dora.hangsUp()
		anna.isCut()
		anna.calls("913800138000")
		dora.rings().answers()
		talk(anna, dora)
		anna.hangsUp()
		dora.isCut()
	})
}
