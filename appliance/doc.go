// Package appliance is what runs on the box: the states a service can be in,
// the health of the whole, and the errors that the rooms below it share.
//
// Nothing here does anything: these are the words in which the supervisor
// answers `switchroom status`, the setup page draws its lamps, and the watchdog
// decides whether the box is worth keeping up.
package appliance
