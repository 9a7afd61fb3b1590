package twofactor

import (
	"errors"
	"fmt"
)

// Kind is what the host does next about a failure.
type Kind uint8

// The kinds of failures.
const (
	KindRetryLater Kind = iota
	KindOutcomeUnknown
	KindRejected
	KindMisconfigured
	KindBlocked
)

// Failure is why a message was not delivered. Its texts must not contain a code, an address or a secret.
type Failure struct {
	Kind Kind
	// AfterSeconds is the wait that the upstream asked for, -1 if it named none.
	AfterSeconds int64
	// Recipient is true if the recipient was rejected, false if the message was.
	Recipient    bool
	Code, Detail string
}

func (f *Failure) Error() string { return fmt.Sprintf("%s (%s)", f.Detail, f.Code) }

// RetryLater returns the failure of a message that was certainly not sent. A wait of -1 means none.
func RetryLater(afterSeconds int64, code, detail string) *Failure {
	return &Failure{Kind: KindRetryLater, AfterSeconds: afterSeconds, Code: code, Detail: detail}
}

// OutcomeUnknown returns the failure of a message that may have been sent.
func OutcomeUnknown(code, detail string) *Failure {
	return &Failure{Kind: KindOutcomeUnknown, Code: code, Detail: detail}
}

// RejectedRecipient returns the failure of a recipient that the upstream does not accept.
func RejectedRecipient(code, detail string) *Failure {
	return &Failure{Kind: KindRejected, Recipient: true, Code: code, Detail: detail}
}

// RejectedMessage returns the failure of a message that the upstream does not accept.
func RejectedMessage(code, detail string) *Failure {
	return &Failure{Kind: KindRejected, Code: code, Detail: detail}
}

// Misconfigured returns a failure that the operator must fix.
func Misconfigured(code, detail string) *Failure {
	return &Failure{Kind: KindMisconfigured, Code: code, Detail: detail}
}

// Blocked returns the failure of a message blocked as suspected fraud.
func Blocked(code, detail string) *Failure {
	return &Failure{Kind: KindBlocked, Code: code, Detail: detail}
}

// failureOf returns the failure that an error of a provider means.
func failureOf(err error) *Failure {
	var (
		failure *Failure
		http    *HTTPError
		mail    *MailError
	)
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.As(err, &http):
		return http.Failure()
	case errors.As(err, &mail):
		return mail.Failure()
	default:
		return OutcomeUnknown("error", "the provider failed")
	}
}
