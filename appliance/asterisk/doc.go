// Package asterisk has what runs on the box around Asterisk. Today that is
// applying the site document: [ApplyMain] is the program of the service that
// runs before Asterisk starts.
//
// Whether Asterisk is ready is told by itself: it is a service of the type
// notify, so nothing here has to connect to it to find out.
package asterisk
