// Package ports is the service that looks after the telephone cards of the box:
// it loads their drivers with the parameters of the country, configures every
// port, tells the others what is there, and watches.
//
// Nothing that is wrong with a card keeps the box from starting. No card, a card
// without a driver, a module that doesn't answer, a line without battery: each is
// a state of the inventory (package dahdi) with an advice, the service is ready
// all the same, and telephony by SIP goes on working. What may get better by
// itself is tried again.
//
// The inventory is kept in /run/switchroom/ports.json, replaced in one step
// whenever it changes. Events are on /run/switchroom/ports.sock: who connects gets
// JSON objects, one a line, each with one member: first "inventory" (as in
// the file), then "ports", the status of each port now, then "event"s as they
// happen, and a new "inventory" when it changes. The service reads nothing from
// its clients. One that doesn't keep up is disconnected.
package ports
