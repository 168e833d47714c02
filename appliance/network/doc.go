// Package network brings the first Ethernet port of the box up and keeps it
// up: the link, its addresses by DHCP for IPv4 and IPv6, routes, and the
// files that name servers and the box itself. Nothing waits for it: the box
// works without a network, and takes one when it comes.
package network
