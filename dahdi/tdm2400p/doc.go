// Package tdm2400p is an emulated TDM2400P: a PCI card with twenty-four analog
// telephone ports, as its Linux driver sees it.
package tdm2400p
