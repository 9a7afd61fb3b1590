package twofactor

import (
	"strconv"
	"strings"
)

// Mail is a mail to one recipient. Where the message's recipient is an email address, the mail must be to that address, and its subject,
// text and HTML those of the message.
type Mail struct {
	// Sender is From, and the sender of the envelope. Its name may be empty.
	SenderName, Sender string
	Recipient          string
	Subject, Text      string
	// HTML is empty if there is none.
	HTML string
	// ID is the message's id, for Message-ID.
	ID string
}

// MailErrorKind says why a mail was not accepted.
type MailErrorKind uint8

// The kinds of errors of SendMail.
const (
	MailInvalid MailErrorKind = iota
	MailDenied
	MailNotSent
	MailRefused
	MailNoAnswer
)

// Stage is the step of the exchange at which a mail server refused.
type Stage uint8

// The stages.
const (
	StageGreeting Stage = iota
	StageAuthentication
	StageSender
	StageRecipient
	StageData
)

// MailError is why a mail was not accepted. A provider may return it unchanged: it maps to the right failure.
type MailError struct {
	Kind   MailErrorKind
	Detail string
	// Stage, Code (400 to 599) and Enhanced (RFC 3463, such as 5.1.1; may be empty) are those of MailRefused.
	Stage    Stage
	Code     uint16
	Enhanced string
}

func (e *MailError) Error() string { return e.Failure().Error() }

// Failure returns the failure that the error means.
func (e *MailError) Failure() *Failure {
	switch e.Kind {
	case MailInvalid:
		return RejectedMessage("invalid", e.Detail)
	case MailNotSent:
		return RetryLater(-1, "not-sent", e.Detail)
	case MailNoAnswer:
		return OutcomeUnknown("no-answer", e.Detail)
	case MailRefused:
		return e.refused()
	default:
		return Misconfigured("denied", e.Detail)
	}
}

// refused maps a refusal to a failure. An enhanced status code (RFC 3463) says more than the reply code (RFC 5321 section 4.2.3, RFC 4954
// section 6), and the reply code more than the stage.
func (e *MailError) refused() *Failure {
	code := strings.TrimSpace(strconv.Itoa(int(e.Code)) + " " + e.Enhanced)
	subject, isPermanent := strings.CutPrefix(e.Enhanced, "5.")
	if !isPermanent {
		subject = ""
	}
	is := func(subjects ...string) bool {
		for _, one := range subjects {
			if one == subject {
				return true
			}
		}
		return false
	}
	ofRecipient := e.Stage == StageRecipient || e.Stage == StageData
	const (
		recipient = "the mail server does not accept the recipient"
		sender    = "the mail server does not accept the sender"
		mail      = "the mail server does not accept the email"
		size      = "the email is larger than the mail server accepts"
	)
	switch {
	case e.Code < 500:
		return RetryLater(-1, code, "the mail server cannot accept the email at the moment")
	case e.Stage == StageGreeting:
		return Misconfigured(code, "the mail server offers no service")
	case e.Stage == StageAuthentication, e.Code == 530, e.Code == 534, e.Code == 535, e.Code == 538:
		return Misconfigured(code, "the mail server does not accept the login")
	case is("4.5"):
		return RetryLater(-1, code, "the sender's quota at the mail server is used up")
	case is("2.3", "3.4"):
		return RejectedMessage(code, size)
	case is("1.7", "1.8"):
		return Misconfigured(code, sender)
	case ofRecipient && (strings.HasPrefix(subject, "1.") || strings.HasPrefix(subject, "2.")):
		return RejectedRecipient(code, recipient)
	case is("7.17", "7.18"):
		return RejectedRecipient(code, recipient)
	case e.Stage == StageData && is("7.0", "7.1"):
		return RejectedMessage(code, mail)
	case strings.HasPrefix(subject, "7."):
		return Misconfigured(code, "the mail server does not let this login send such an email: relaying, the sender, or a policy")
	case e.Stage == StageSender && e.Code == 552:
		return RejectedMessage(code, size)
	case e.Stage == StageSender:
		return Misconfigured(code, sender)
	case e.Stage == StageRecipient && (e.Code == 501 || e.Code >= 550 && e.Code <= 553):
		return RejectedRecipient(code, recipient)
	default:
		return RejectedMessage(code, mail)
	}
}
