// Package system tests the appliance as a whole: the image as it ships, in
// QEMU, with the emulated card and its unmodified driver. There is no code in
// it but tests, which are built with the tag vm:
//
//	go run ./image/cmd/mkimage -no-compress
//	go test -tags vm -timeout 50m -v ./appliance/system/
//
// A test picks telephones up, dials, and listens, as people would. It counts
// in card time: the emulated card's milliseconds stand still while the guest
// does, so nothing here depends on how fast the machine is. Wall time bounds
// only how long a test may hang.
//
// What a machine wrote stays in build/vm when a test fails: its serial console
// and its own log.
package system
