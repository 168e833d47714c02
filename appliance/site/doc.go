// Package site is the owner's document on the box: every revision of it, how
// it comes into force, and the commands that work with it.
//
// The revisions are in a database on the data partition, config.db. A document
// is a revision before it is applied, so that a power cut in the midst of it
// loses nothing; the last one that was applied is in force. Beside the
// database stands a copy of that one, site.json, for those who need only a
// field of it, and for the day on which the database is damaged.
//
// The box must come up whatever is wrong: with the document before, when the
// last one can't be read (by an older firmware); with the copy, when the
// database can't be; and with the built-in site, when there is nothing.
//
// All of it runs as the user provision, who may write Asterisk's folder, the
// folder of the database, and the box's time zone.
package site
