package dahditest_test

import (
	"testing"

	"switchroom/dahdi"
	"switchroom/dahdi/dahditest"
)

func TestFake(t *testing.T) {
	f := dahditest.New(dahditest.Mix(4, dahdi.KindFXS, 4, dahdi.KindFXO)...)
	dahditest.TestDriver(t, f, 1, 5, 24)
}
