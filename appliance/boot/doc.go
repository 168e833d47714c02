// Package boot is what lies between the kernel's hand-over and the first
// service: file systems, module loading, the clock, the name of the box, the
// data partition; and the same way back at the end: leftovers, unmounting,
// the restart. Besides, it knows the slot the box started from, and can mark
// it good for the boot loader.
//
// The supervisor (process 1) calls Setup once, before it starts a service.
// Setup returns as soon as what every service needs is there; the data
// partition, which may have to be made or repaired first, and the drivers of
// devices that nothing waits for go on in the background.
//
// Nothing in here fails the boot because of something that can be done
// without: a box without a usable data partition runs with its data in
// memory, and says so.
package boot
