//go:build wasm

package twofactor

// The exports and imports of the component, in the canonical ABI:
// https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md

import (
	"time"
	"unsafe"
)

// Memory that the host and this component exchange must not move until the call ends. An instance serves one call.
var kept [][]byte

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

// A record in memory that is written field by field.
type record struct{ at uint32 }

func newRecord(size uint32) record {
	to := record{allocate(size)}
	clear(memory(to.at, size))
	return to
}

func (r record) u8(offset uint32, value uint8) { memory(r.at+offset, 1)[0] = value }
func (r record) u16(offset uint32, value uint16) {
	*(*uint16)(unsafe.Pointer(uintptr(r.at + offset))) = value
}
func (r record) u32(offset uint32, value uint32) {
	*(*uint32)(unsafe.Pointer(uintptr(r.at + offset))) = value
}

func (r record) text(offset uint32, value string) { r.bytes(offset, []byte(value)) }

func (r record) bytes(offset uint32, value []byte) {
	to := allocate(uint32(len(value)))
	copy(memory(to, uint32(len(value))), value)
	r.u32(offset, to)
	r.u32(offset+4, uint32(len(value)))
}

func (r record) entries(offset uint32, entries []Entry) {
	list := newRecord(16 * uint32(len(entries)))
	for n, entry := range entries {
		list.text(16*uint32(n), entry.Name)
		list.text(16*uint32(n)+8, entry.Value)
	}
	r.u32(offset, list.at)
	r.u32(offset+4, uint32(len(entries)))
}

func (r record) getU8(offset uint32) uint8 { return memory(r.at+offset, 1)[0] }
func (r record) getU16(offset uint32) uint16 {
	return *(*uint16)(unsafe.Pointer(uintptr(r.at + offset)))
}
func (r record) getU32(offset uint32) uint32 {
	return *(*uint32)(unsafe.Pointer(uintptr(r.at + offset)))
}

func (r record) getText(offset uint32) string { return string(r.getBytes(offset)) }

func (r record) getBytes(offset uint32) []byte {
	return append([]byte(nil), memory(r.getU32(offset), r.getU32(offset+4))...)
}

func (r record) getEntries(offset uint32) []Entry {
	list, entries := record{r.getU32(offset)}, make([]Entry, r.getU32(offset+4))
	for n := range entries {
		entries[n] = Entry{list.getText(16 * uint32(n)), list.getText(16*uint32(n) + 8)}
	}
	return entries
}

//go:wasmexport twofactor:provider/configuration@0.2.0#describe
func describe() uint32 {
	manifest, to := provider.Describe(), newRecord(56)
	to.text(0, manifest.TypeID)
	to.text(8, manifest.Name)
	to.text(16, manifest.Version)
	to.text(24, manifest.Channel)
	to.u8(32, uint8(manifest.Recipient))
	to.text(36, manifest.OptionsSchema)
	if manifest.NeedsCode {
		to.u8(44, 1)
	}
	to.entries(48, nil)
	return to.at
}

//go:wasmexport twofactor:provider/configuration@0.2.0#configure
func configure(options, length uint32) uint32 {
	connections, problems := provider.Configure(string(memory(options, length)))
	to := newRecord(12)
	if len(problems) > 0 {
		to.u8(0, 1)
		list := newRecord(16 * uint32(len(problems)))
		for n, problem := range problems {
			list.text(16*uint32(n), problem.Pointer)
			list.text(16*uint32(n)+8, problem.Message)
		}
		to.u32(4, list.at)
		to.u32(8, uint32(len(problems)))
		return to.at
	}
	const size = 116
	list := newRecord(size * uint32(len(connections)))
	for n, connection := range connections {
		connection.write(record{list.at + size*uint32(n)})
	}
	to.u32(4, list.at)
	to.u32(8, uint32(len(connections)))
	return to.at
}

func (c Connection) write(to record) {
	if c.smtp == nil {
		to.text(4, c.Origin)
		to.u8(12, c.Authentication.tag)
		if texts := c.Authentication.texts; c.Authentication.tag == tagOAuth2 {
			to.text(16, texts[0])
			to.text(24, texts[1])
			to.u8(32, 1) // the secret goes into the form body
			to.text(36, texts[2])
			to.text(92, texts[3])
		} else {
			for n, text := range texts {
				to.text(16+8*uint32(n), text)
			}
		}
		c.writeSettings(to)
		return
	}
	to.u8(0, 1)
	to.text(4, c.smtp.Host)
	to.u16(12, c.smtp.Port)
	to.u8(14, uint8(c.smtp.Security))
	if c.smtp.Username != "" {
		to.u8(16, 1)
		to.text(20, c.smtp.Username)
		to.text(28, c.smtp.Password)
	}
	to.u32(36, c.smtp.TimeoutMs)
}

func (c Connection) writeSettings(to record) {
	const size = 20
	count := uint32(len(c.PlaceSecrets))
	if c.CodeInQuery {
		count++
	}
	if count == 0 {
		return
	}
	list := newRecord(size * count)
	for n, pointer := range c.PlaceSecrets {
		list.text(size*uint32(n)+4, pointer)
	}
	if c.CodeInQuery {
		list.u8(size*(count-1), 1)
	}
	to.u32(108, list.at)
	to.u32(112, count)
}

//go:wasmexport twofactor:provider/delivery@0.2.0#deliver
func deliver(parameters uint32) uint32 {
	from := record{parameters}
	message := Message{
		ID: from.getText(8), Recipient: from.getText(16), Subject: from.getText(24), Text: from.getText(32),
		Code: from.getText(52), ValidSeconds: from.getU32(60), Locale: from.getText(64), Purpose: from.getText(72),
		Application: from.getText(80), Extra: from.getEntries(88),
	}
	if from.getU8(40) == 1 {
		message.HTML = from.getText(44)
	}
	receipt, err := provider.Deliver(from.getText(0), message)
	to := newRecord(48)
	if err == nil {
		to.text(4, receipt.Reference)
		if receipt.Segments > 0 {
			to.u8(12, 1)
			to.u32(16, receipt.Segments)
		}
		if receipt.Price.Amount != "" {
			to.u8(20, 1)
			to.text(24, receipt.Price.Amount)
			to.text(32, receipt.Price.Currency)
		}
		to.entries(40, receipt.Extra)
		return to.at
	}
	failure := failureOf(err)
	to.u8(0, 1)
	to.u8(4, uint8(failure.Kind))
	reason := uint32(8)
	switch failure.Kind {
	case KindRetryLater:
		reason = 16
		if failure.AfterSeconds >= 0 {
			to.u8(8, 1)
			to.u32(12, uint32(failure.AfterSeconds))
		}
	case KindRejected:
		reason = 12
		if !failure.Recipient {
			to.u8(8, 1)
		}
	}
	to.text(reason, failure.Code)
	to.text(reason+8, failure.Detail)
	return to.at
}

//go:wasmimport twofactor:provider/http@0.2.0 send
func httpSend(method, methodLength, url, urlLength, headers, headersLength, body, bodyLength, to uint32)

//go:wasmimport twofactor:provider/log@0.2.0 write
func logWrite(level, message, length uint32)

//go:wasmimport wasi:clocks/wall-clock@0.2.12 now
func wallClockNow(to uint32)

// Send sends a request and waits for the whole response. The error is a *HTTPError.
func Send(request Request) (*Response, error) {
	from, to := newRecord(32), newRecord(24)
	from.text(0, request.Method)
	from.text(8, request.URL)
	from.entries(16, request.Headers)
	from.bytes(24, request.Body)
	httpSend(from.getU32(0), from.getU32(4), from.getU32(8), from.getU32(12), from.getU32(16), from.getU32(20),
		from.getU32(24), from.getU32(28), to.at)
	if to.getU8(0) == 1 {
		return nil, &HTTPError{HTTPErrorKind(to.getU8(4)), to.getText(8)}
	}
	return &Response{Status: to.getU16(4), Headers: to.getEntries(8), Body: to.getBytes(16)}, nil
}

// Log writes a line for the operator. It must not contain a code, an address or a secret.
func Log(level Level, message string) {
	from := newRecord(8)
	from.text(0, message)
	logWrite(uint32(level), from.getU32(0), from.getU32(4))
}

// Now is the time of day. The clock of Go's package time stands still in a component.
func Now() time.Time {
	to := newRecord(16)
	wallClockNow(to.at)
	seconds := *(*uint64)(unsafe.Pointer(uintptr(to.at)))
	return time.Unix(int64(seconds), int64(to.getU32(8)))
}
