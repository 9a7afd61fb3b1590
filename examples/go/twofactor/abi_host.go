//go:build wasm

package twofactor

// The functions of the host. Those that a provider does not call are left out of its component.

import (
	"time"
	"unsafe"
)

//go:wasmimport twofactor:provider/http@0.2.0 send
func httpSend(method, methodLength, url, urlLength, headers, headersLength, body, bodyLength, to uint32)

//go:wasmimport twofactor:provider/smtp@0.2.0 send
func smtpSend(name, nameLength, sender, senderLength, recipient, recipientLength, subject, subjectLength, text, textLength,
	hasHTML, html, htmlLength, id, idLength, to uint32)

//go:wasmimport twofactor:provider/log@0.2.0 write
func logWrite(level, message, length uint32)

//go:wasmimport wasi:clocks/wall-clock@0.2.12 now
func wallClockNow(to uint32)

// Writes parameters, which are passed one by one.
func parameters(size uint32, write func(*cursor)) cursor {
	at := allocate(size)
	write(&cursor{at})
	return cursor{at}
}

// Send sends a request and waits for the whole response. The error is a *HTTPError.
func Send(request Request) (*Response, error) {
	p := parameters(32, func(to *cursor) {
		to.text(request.Method, request.URL)
		to.entries(request.Headers)
		to.bytes(request.Body)
	})
	from := cursor{allocate(24)}
	httpSend(p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), from.at)
	isError := from.getU8() == 1
	from.field(0, 4)
	if isError {
		return nil, &HTTPError{HTTPErrorKind(from.getU8()), from.getText()}
	}
	return &Response{Status: from.getU16(), Headers: from.getEntries(), Body: from.getBytes()}, nil
}

// SendMail sends a mail and returns the server's reply. The error is a *MailError.
func SendMail(mail Mail) (string, error) {
	p := parameters(60, func(to *cursor) {
		to.text(mail.SenderName, mail.Sender, mail.Recipient, mail.Subject, mail.Text)
		to.option(mail.HTML != "", 8, func(to *cursor) { to.text(mail.HTML) })
		to.text(mail.ID)
	})
	from := cursor{allocate(20)}
	smtpSend(p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(),
		p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), p.getU32(), from.at)
	isError := from.getU8() == 1
	from.field(0, 4)
	if !isError {
		return from.getText(), nil
	}
	failed := &MailError{Kind: MailErrorKind(from.getU8())}
	from.field(0, 4)
	if failed.Kind == MailRefused {
		failed.Stage, failed.Code, failed.Enhanced = Stage(from.getU8()), from.getU16(), from.getText()
	} else {
		failed.Detail = from.getText()
	}
	return "", failed
}

// Log writes a line for the operator. It must not contain a code, an address or a secret.
func Log(level Level, message string) {
	p := parameters(8, func(to *cursor) { to.text(message) })
	logWrite(uint32(level), p.getU32(), p.getU32())
}

// Now is the time of day. The clock of Go's package time stands still in a component.
func Now() time.Time {
	from := cursor{allocate(16)}
	wallClockNow(from.at)
	seconds := *(*uint64)(unsafe.Pointer(uintptr(from.field(8, 8))))
	return time.Unix(int64(seconds), int64(from.getU32()))
}
