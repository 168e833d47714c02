// Package rescue is the shell on the serial console, for an owner who has to
// look into a box that does not answer otherwise.
//
// A shipped image has none: there is no password that would open it. The owner
// allows it, on paper by what `switchroom rescue allow` prints for a password
// of his choice, and in deed by putting that word into the variable
// extra_cmdline of GRUB's environment block (grubenv on the ESP), for which one
// has to have the disk in one's hands. The word becomes an argument of the
// kernel:
//
//	switchroom.rescue=<iterations>.<salt>.<hash>
//
// The hash is PBKDF2 with HMAC-SHA-256 of the password (RFC 8018, section 5.2)
// with so many iterations; salt and hash are hexadecimal. With the argument
// there the service `console` is started, asks for the password on the first
// serial port, and starts a shell as root.
package rescue
