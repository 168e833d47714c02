// Package ami speaks Asterisk's manager interface: the wire format, a
// connection that is made again when it breaks, actions and their answers, and
// the stream of events.
//
// What Asterisk (22) does, and what follows for a client:
//
//   - Asterisk gives a client that does not read `writetimeout` milliseconds
//     (100 unless manager.conf says otherwise), then closes the connection in
//     the midst of an event. So one goroutine does nothing but read; it never
//     waits for who consumes. Each [Subscription] has a bounded queue, and says
//     so when it had to drop ([Lost]); its consumer then takes a new snapshot.
//   - Log-in succeeds before Asterisk has loaded its modules. The client is up
//     when the event FullyBooted has come, which only a user with the read
//     class `system` is sent.
//   - Keys repeat (ChanVariable, Output, Variable): a message keeps them all,
//     in their order.
//   - What a message is, its first line says. OriginateResponse is an event
//     that has a line "Response:" as well.
//   - Events of an action's list carry its ActionID, and the list ends with
//     "EventList: Complete". They are given to who asked, and not to
//     subscriptions.
//   - A line ends with CR LF. A lone CR or LF belongs to the value, so that a
//     caller's name with one in it can't pretend to be another line.
//   - A line that Asterisk reads may have 1024 bytes, and an action 128 lines.
//     What is longer is refused here, since Asterisk would cut the connection;
//     so is every CR, LF and NUL, with which a value could smuggle in actions.
package ami
