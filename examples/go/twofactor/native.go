//go:build !wasm

package twofactor

import "time"

// Send is replaced in tests: natively there is no host.
var Send = func(Request) (*Response, error) {
	return nil, &HTTPError{NotSent, "the test scripted no response"}
}

// SendMail is replaced in tests: natively there is no host.
var SendMail = func(Mail) (string, error) {
	return "", &MailError{Kind: MailNotSent, Detail: "the test scripted no reply"}
}

// Log writes a line for the operator. It must not contain a code, an address or a secret.
func Log(Level, string) {}

// Now is the time of day.
func Now() time.Time { return time.Now() }
