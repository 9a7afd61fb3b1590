//go:build wasm

package twofactor

// Values in memory, laid out by the canonical ABI: field after field, each aligned to its own size.
// https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md

import "unsafe"

// Memory that the host and this component exchange must not move until the call ends. An instance serves one call.
var kept [][]byte

// Returns the address of new memory, which contains zeros and is aligned to 8.
func allocate(size uint32) uint32 {
	if size == 0 {
		return 8
	}
	bytes := make([]byte, size+8)
	kept = append(kept, bytes)
	at := uint32(uintptr(unsafe.Pointer(&bytes[0])))
	return (at + 7) &^ 7
}

//go:wasmexport cabi_realloc
func realloc(old, oldSize, _, newSize uint32) uint32 {
	to := allocate(newSize)
	if oldSize > 0 {
		copy(memory(to, newSize), memory(old, oldSize))
	}
	return to
}

func memory(at, size uint32) []byte {
	if size == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(at))), size)
}

// A cursor reads or writes the fields of a value one after the other.
type cursor struct{ at uint32 }

// Returns the address of a field of this size and alignment, and moves behind it.
func (c *cursor) field(size, alignment uint32) uint32 {
	at := (c.at + alignment - 1) &^ (alignment - 1)
	c.at = at + size
	return at
}

func (c *cursor) u8(value uint8) { *(*uint8)(unsafe.Pointer(uintptr(c.field(1, 1)))) = value }
func (c *cursor) u16(value uint16) {
	*(*uint16)(unsafe.Pointer(uintptr(c.field(2, 2)))) = value
}
func (c *cursor) u32(value uint32) {
	*(*uint32)(unsafe.Pointer(uintptr(c.field(4, 4)))) = value
}

func (c *cursor) bytes(value []byte) {
	at := allocate(uint32(len(value)))
	copy(memory(at, uint32(len(value))), value)
	c.u32(at)
	c.u32(uint32(len(value)))
}

func (c *cursor) text(values ...string) {
	for _, value := range values {
		c.bytes([]byte(value))
	}
}

func (c *cursor) entries(lists ...[]Entry) {
	for _, list := range lists {
		writeList(c, list, 16, func(to *cursor, entry Entry) { to.text(entry.Name, entry.Value) })
	}
}

func writeList[T any](c *cursor, values []T, size uint32, write func(*cursor, T)) {
	at := allocate(size * uint32(len(values)))
	for n, value := range values {
		write(&cursor{at + size*uint32(n)}, value)
	}
	c.u32(at)
	c.u32(uint32(len(values)))
}

// Writes a case of a variant whose payloads take this size, and are aligned to 4. All that is not written stays zero.
func (c *cursor) variant(tag uint8, size uint32, payload func(*cursor)) {
	at := c.field(4+size, 4)
	(&cursor{at}).u8(tag)
	payload(&cursor{at + 4})
}

// Writes an optional value of this size.
func (c *cursor) option(is bool, size uint32, value func(*cursor)) {
	if is {
		c.variant(1, size, value)
	} else {
		c.field(4+size, 4)
	}
}

func (c *cursor) getU8() uint8   { return *(*uint8)(unsafe.Pointer(uintptr(c.field(1, 1)))) }
func (c *cursor) getU16() uint16 { return *(*uint16)(unsafe.Pointer(uintptr(c.field(2, 2)))) }
func (c *cursor) getU32() uint32 { return *(*uint32)(unsafe.Pointer(uintptr(c.field(4, 4)))) }

func (c *cursor) getBytes() []byte {
	at, size := c.getU32(), c.getU32()
	return append([]byte(nil), memory(at, size)...)
}

func (c *cursor) getText() string { return string(c.getBytes()) }

func (c *cursor) getEntries() []Entry {
	from, entries := cursor{c.getU32()}, make([]Entry, c.getU32())
	for n := range entries {
		entries[n] = Entry{from.getText(), from.getText()}
	}
	return entries
}

// Returns a text that was given as an address and a length.
func text(at, length uint32) string { return string(memory(at, length)) }
