//go:build native

package native_test

import (
	"switchroom/provisioning"
	"switchroom/provisioning/asteriskconf"
)

// render is what Asterisk gets on a box without a card.
func render(s provisioning.Site) map[string][]byte {
	return asteriskconf.Render(s, provisioning.Ports{}, asteriskconf.Secrets{Manager: "secret-of-provision", CTI: "secret-of-cti"})
}
