// Package vfiouser serves an emulated PCI device to QEMU over the vfio-user
// protocol: the server's side of QEMU's docs/interop/vfio-user.rst, version 0.
//
// The device is a [Device]; what it can do to its client is a [Host]. One socket
// is one device, and serves one client at a time:
//
//	l, err := vfiouser.Listen("/run/card.sock")
//	...
//	err = vfiouser.Serve(ctx, l, device, log)
//
// QEMU, from 11.1 on, connects when it sets up the device. Guest memory must be
// shareable, else the device can't reach it:
//
//	-object memory-backend-memfd,id=mem0,size=1024M,share=on
//	-machine pc,memory-backend=mem0
//	-device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":"/run/card.sock"}}'
//
// It does not reconnect, and QEMU 11.1.2 aborts when the server goes away under
// it: the server has to outlive the guest. A reboot of the guest is a reset of
// the device on the same connection.
//
// # Threads
//
// A connection is served by one goroutine, and everything the device sees is
// called from it. It sleeps in ppoll, past the runtime's poller and timers, until
// a message comes or the time that the device asked for: a device that does
// something every millisecond costs few more system calls than it has accesses.
// Nothing is allocated on the way.
//
// # What is spoken
//
// VERSION, DMA_MAP, DMA_UNMAP, DEVICE_GET_INFO, DEVICE_GET_REGION_INFO,
// DEVICE_GET_IRQ_INFO, DEVICE_SET_IRQS (INTx only), REGION_READ, REGION_WRITE,
// DEVICE_RESET. Anything else is answered with an error, anything malformed ends
// the connection. Guest memory is mapped as it is announced; a range that comes
// without a file descriptor (ROMs do) is remembered, and can't be accessed.
//
// File descriptors belong to the last message that begins in what one recvmsg
// returns: the kernel ends a read after the piece of stream that carries them.
//
// # The interrupt
//
// INTx is a level to the device and an eventfd to the client, and the client
// decides by its accelerator when the line is let go:
//
//   - Under TCG it takes the first access to any of the device's regions for the
//     end of the interrupt, and says so with an unmask message. That access is
//     the driver's handler reading why it was called, so the level is still up,
//     and signalling once more would give a spurious interrupt for every real
//     one. Such an unmask does nothing; only if the level stays up for
//     [RefireAfter] is the eventfd signalled again.
//   - Under KVM the unmask comes through an eventfd of its own when the guest has
//     ended the interrupt. If the level is still up then, it is signalled at once.
//
// What the client masked by message is signalled when it unmasks.
//
// # Trust
//
// The client is not trusted. All lengths are bounded, guest memory is only
// touched inside what was mapped and inside the file it was mapped from, and a
// file that shrinks afterwards gives an error instead of a crash.
package vfiouser
