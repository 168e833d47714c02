// Package loop is what stands outside an emulated card: the telephones that
// are plugged into its FXS ports, the lines from the exchange that come in at
// its FXO ports, and the exchange behind them.
//
// A [Plant] holds the outside plant of one or more cards. It lives in card
// time: a card calls Tick of every port once per frame, which is a
// millisecond of the card's own clock, and everything (dialling, cadences,
// caller identification, time-outs) is counted in these frames. A card that
// stops, stops its plant; nothing here looks at the wall clock.
//
// What a port observes becomes an [Event]: stamped with the frame, numbered,
// kept in a bounded log per port, and handed to every sink. The events, with
// the members of their data:
//
//	telephone  hook        {state: on|off}                     its own hook
//	           linefeed    {state: open|active|onhook|tipopen|ringing|active-reversed|…, code}
//	           polarity    {reversed: bool}
//	           disconnect  {on: bool}                          the feed opened (kewlstart hang-up), or came back
//	           ring        {n, on_ms, off_ms}                  burst n begins; lengths of the burst and pause before it
//	           ringpause   {n, on_ms}                          burst n is over
//	           ringstop    {n, reason: answered|idle|silence}  the call is no longer offered
//	           callerid    {standard, number, name, time, …}   see CallerID
//	           callerid-error {text}
//	line       hook        {state: on|off}                     the card seized the line, or let it go
//	           flash       {ms}
//	           pulse       {digit}
//	           ring        {n}                                 burst n towards the card begins
//	           ringstop    {n, reason: answered|stopped}
//	           callerid-sent {standard}
//	           battery     {volts}
//	           call        {state: dialtone|collecting|routing|ringing|connected|busy|congestion|released, number, …}  the exchange's view
//	both       dtmf        {digit, ms, level, twist}           once the key is over
//	           tone        {name, on, level}                   a call-progress tone begins or ends
//	           dialled     {digits}                            the last digit of a dial request is out
//	           played      {tag}                               a play request is at its end
//	           recorded    {from, to}                          a recording stopped
//
// All exported methods may be called from any goroutine. Sinks are called with
// the plant locked: they must not block and must not call back.
package loop
