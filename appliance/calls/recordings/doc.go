// Package recordings turns what Asterisk recorded into what people listen to:
// the two wav files of a channel, what it said and what it heard, become the
// left and the right of one mp3,
//
//	YYYY/MM/DD/<HHMMSS>-<caller>-<agent>-<channel>.mp3
//
// by the local time of the site. It works outside of the path of any call: one
// file at a time, with the lowest priority, by the program lame. A file has
// its name only when it is whole and on the disk, and is listed only then; it
// is struck off the list before it is removed.
//
// What was muted during a call, such as a card's number, is silence in both
// files and stays silence: the two sides keep their times.
package recordings
