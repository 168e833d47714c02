// Package appliance is what runs on the box: the states a service can be in,
// the health of the whole, and the errors that the rooms below it share.
package appliance
