// Package command is what agents and supervisors can do, as a table: the name
// of each command, the right it needs, what is checked before, and the actions
// of Asterisk that it is made of.
//
// A command either does what it says and answers when the live state shows it,
// or says why not and leaves things as they were. None of them moves a
// customer who is talking before somebody else is there: hold and asking are
// attended transfers begun by the agent's telephone, which Asterisk itself
// takes back when they fail; a third party is added to the bridge in which the
// customer stays; and who takes over joins first, and then the other leaves.
//
// What rests on Asterisk 22:
//
//   - Asking is begun by pressing the telephone's own code and then the number
//     at the agent's channel (PlayDTMF with Receive): the number must be of
//     digits, the channel needs the right to transfer (option t), and the
//     channel's TRANSFER_CONTEXT says where the number is looked up. The action
//     Atxfer presses both at once, and then the customer hears the digits of
//     the number when the code was missed.
//   - A key that is pressed takes 0.1 s, counted by the sound that comes from
//     the telephone.
//   - For a moment after CancelAtxfer, codes are not recognised, and the next
//     ones would be heard by the customer. So the next begins a second later.
//   - Who hangs up while asking gives the call away; while the call is on hold,
//     to nobody. So hangup is refused then.
//   - Answering for a telephone, muting it, and a hold that the telephone began
//     can't be done from outside: the telephone has to do it itself.
package command
