// Package lab plays the CTI service against the real Asterisk: the image's own
// program in a network of its own, with SIP telephones for agents and callers.
// Its tests have the build tag native. With -record they keep what Asterisk
// told, as the tapes that package live is tested with:
//
//	go test -tags native -run TestRecord ./appliance/cti/lab -record
//
// The configuration, in testdata/box, has what the service relies on and not
// much more.
package lab
