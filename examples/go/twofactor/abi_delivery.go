//go:build wasm

package twofactor

// The sizes of what functions return, without the tags.
const (
	sizeOfReceipt = 44
	sizeOfStarted = 56
	sizeOfFailure = 24
	sizeOfPrice   = 16
)

//go:wasmexport twofactor:provider/delivery@0.2.0#deliver
func deliver(parameters uint32) uint32 {
	options, message := readMessage(parameters)
	receipt, err := deliverer.Deliver(options, message)
	return writeResult(sizeOfReceipt, err, func(to *cursor) { writeReceipt(to, receipt) })
}

//go:wasmexport twofactor:provider/verification@0.2.0#begin
func begin(parameters uint32) uint32 {
	options, message := readMessage(parameters)
	started, err := verifier.Begin(options, message)
	return writeResult(sizeOfStarted, err, func(to *cursor) {
		writeReceipt(to, started.Receipt)
		to.text(started.State)
		to.u8(started.CodeLength)
	})
}

//go:wasmexport twofactor:provider/verification@0.2.0#check
func check(options, optionsLength, state, stateLength, answer, answerLength uint32) uint32 {
	verdict, err := verifier.Check(text(options, optionsLength), text(state, stateLength), text(answer, answerLength))
	return writeResult(4+sizeOfFailure, err, func(to *cursor) { to.u8(uint8(verdict)) })
}

func readMessage(parameters uint32) (string, Message) {
	from := cursor{parameters}
	options := from.getText()
	message := Message{ID: from.getText(), Recipient: from.getText(), Subject: from.getText(), Text: from.getText()}
	is, html := from.getU8(), cursor{from.field(8, 4)}
	if is == 1 {
		message.HTML = html.getText()
	}
	message.Code, message.ValidSeconds = from.getText(), from.getU32()
	message.Locale, message.Purpose, message.Application = from.getText(), from.getText(), from.getText()
	message.Extra = from.getEntries()
	return options, message
}

// Writes the result of a function that may fail. The size is that of its value.
func writeResult(size uint32, err error, value func(*cursor)) uint32 {
	at := allocate(4 + size)
	to := cursor{at}
	if err == nil {
		to.variant(0, size, value)
	} else {
		to.variant(1, size, func(to *cursor) { writeFailure(to, failureOf(err)) })
	}
	return at
}

func writeReceipt(to *cursor, receipt Receipt) {
	to.text(receipt.Reference)
	to.option(receipt.Segments > 0, 4, func(to *cursor) { to.u32(receipt.Segments) })
	writePrice(to, receipt.Price)
	to.entries(receipt.Extra)
}

func writePrice(to *cursor, price Price) {
	to.option(price.Amount != "", sizeOfPrice, func(to *cursor) { to.text(price.Amount, price.Currency) })
}

func writeFailure(to *cursor, failure *Failure) {
	to.variant(uint8(failure.Kind), sizeOfFailure, func(to *cursor) {
		switch failure.Kind {
		case KindRetryLater:
			to.option(failure.AfterSeconds >= 0, 4, func(to *cursor) { to.u32(uint32(failure.AfterSeconds)) })
		case KindRejected:
			to.flag(!failure.Recipient)
		}
		to.text(failure.Code, failure.Detail)
	})
}
