// Package prompts keeps what the owner has recorded, uploaded or written for the box to say, in the
// form that Asterisk plays.
//
// # From a file to a prompt
//
// An upload is a stranger's: WAV or MP3, of any size and content. It is stored under a name that is
// checked, as long as the bounds of [Limits] allow, and looked at in this process only so far as its first
// bytes tell which of the two it says it is. The rest happens in children of this process, see
// package confine: one, for MP3, becomes lame (with libmpg123 in it), which may read the system's
// libraries and nothing else; the other can do nothing but compute, mixes the channels, filters and
// resamples to 8,000 samples a second, and sets the level to that of the built-in prompts (package
// switchroom/image/prompts/pcm). What they give back is a stranger's too, and is checked. They are bounded in
// processor time, memory and real time, and only one conversion runs at a time.
//
// lame decodes, and not a decoder in Go: libmpg123 is kept and fuzzed, and knows every form of MP3,
// while the ones in Go know MPEG 1 and 2 and have seen no release for years.
//
// Texts are said by eSpeak NG, in Mandarin and English, on the same way.
//
// # Where things are
//
// Everything lies in one folder, on the box /data/prompts:
//
//	uploads/<file>.wav           what was uploaded, by the name that the site document uses
//	said/<language>-<hash>.wav   what was said, by a hash of the text
//	<language>/site/<name>.wav   links: the prompts of the site document, by language (en, zh)
//	any/site/<name>.wav          links: the same, in whichever language there is
//	<language>/<built-in>.wav    a recording that takes the place of a built-in prompt
//
// The firmware's sounds have links "custom" in each language's folder that lead here. So Asterisk plays a prompt of
// the site as custom/site/<name> in the language of the call, in another if there is none. Asterisk set up
// to look for custom/<name> before <name> (sounds_search_custom_dir) takes a recording instead of a built-in prompt.
//
// Files are 8,000 samples a second, one channel, 16 bits. They are written beside their place, synced, and
// renamed, so a file is whole or not there, and a call that plays one goes on playing it.
package prompts
