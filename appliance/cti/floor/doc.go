// Package floor is the call centre as it is now, kept up by one goroutine: it
// takes Asterisk's events, asks for a snapshot whenever some may be missing,
// and sees to it that Asterisk's queues have the agents that the sessions say.
//
// # Who is right
//
// About agents, the sessions are. While this program was away Asterisk's own,
// persistent members kept the queues going; when it is back, an agent with a
// session is put into the queues of the document, at the seat and with the
// pause of the session. Whatever changes in a queue while we look on and was
// not our doing was done at a telephone (the codes for log-in and pause), and
// the session follows it. An agent who is found in a queue after we were away
// and has no session has logged in by telephone meanwhile, unless the last
// session's end was never confirmed by Asterisk: then the agent is taken out.
package floor
