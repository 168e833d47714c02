// Package units holds the services of the appliance, as systemd unit files.
//
// They are read by package supervisor on the box, and are written in the part
// of systemd's language that both understand, so that the same files run under
// systemd on a plain Debian. The image has them as files besides, in
// /usr/lib/systemd/system, for people to read.
package units

import "embed"

// FS has the unit files at its top.
//
//go:embed *.service
var FS embed.FS
