// Package service is `switchroom records`: the service that makes call records
// of Asterisk's logs, and recordings of what it recorded; and the commands for
// people who look at them.
//
// The service is not in the path of any call. When it was away it catches up
// from the logs.
package service
