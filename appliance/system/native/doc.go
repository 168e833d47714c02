// Package native plays scenarios of a call centre on the image's own Asterisk, run on the build
// machine by package lab. There is no code in it but tests, which are built with the tag native:
//
//	go test -tags native ./appliance/system/native
//
// A scenario says who does what and who hears what, and is configured by what asteriskconf makes of
// a site document, as on the box. What needs analog ports is tested in package system, in a virtual
// machine.
package native
