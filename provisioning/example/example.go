// Package example holds a site document to learn from, to test with, and to
// start a box with that has something to show: a hotline of the kind that a
// company in China has under a number that begins with 400.
//
// The card has twelve telephones on the ports 1 to 12 and twelve lines on 13
// to 24. Eight lines are the hotline: by day callers hear a menu in Chinese or
// English and come to the queue 600, which the agents 811, 812, 813 and 823
// serve from any telephone; by night and on holidays they leave a message in
// the mailbox 690. The other four lines ring at the reception. The PINs are for
// show: choose others.
//
// A second one, pbx.json, shows how little a document may say: a card with
// telephones only, twenty of them, of which the last four are lines of a PBX
// that is there already. Whoever is connected on one of them comes to the
// queue 600 at once.
package example

import (
	_ "embed"

	"switchroom/provisioning"
)

//go:embed hotline.json
var hotline []byte

//go:embed pbx.json
var pbx []byte

// PBX is the second document.
func PBX() []byte { return append([]byte(nil), pbx...) }

// PBXPorts are those of the card that it is written for.
func PBXPorts() provisioning.Ports {
	var p provisioning.Ports
	for i := 1; i <= 20; i++ {
		p.FXS = append(p.FXS, i)
	}
	return p
}

// Hotline is the document as it stands in the repository.
func Hotline() []byte { return append([]byte(nil), hotline...) }

// Ports are those of the card that it is written for.
func Ports() provisioning.Ports {
	var p provisioning.Ports
	for i := 1; i <= 12; i++ {
		p.FXS, p.FXO = append(p.FXS, i), append(p.FXO, 12+i)
	}
	return p
}
