// Package native proves on the image's own Asterisk, run on the build machine,
// that package asterisk may do what it does while there are calls. There is no
// code in it but tests, which are built with the tag native:
//
//	go test -tags native ./appliance/asterisk/native
package native
