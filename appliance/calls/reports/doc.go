// Package reports counts calls: what each queue and each agent did, by hour,
// day, week and month of the site's own clocks.
//
// It is pure: calls and agents' events in, tables out. Every figure has its
// formula beside it, in the words of [QueueColumns] and [AgentColumns], because
// the same name means different things to different makers: service level and
// occupancy above all.
//
// A stay in a queue counts in the period in which the caller came to the queue,
// a time in a state (logged in, paused, talking) in each period as far as it
// lies in it.
package reports
