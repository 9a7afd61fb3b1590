// Package twofactor is a small SDK for providers in Go: the types of the contract, and the exports of a component.
//
// The contract is in wit/, with a comment on each item.
package twofactor

import "fmt"

// Provider is implemented by a component. A fresh instance serves each call: no state is kept between calls.
type Provider interface {
	// Describe returns the provider's metadata.
	Describe() Manifest
	// Configure validates the options of one instance, JSON with its secrets, and returns the connections it needs or what is wrong.
	// It can reach nothing.
	Configure(options string) ([]Connection, []Problem)
	// Deliver delivers one message. The options are without the secrets. The error is a *Failure or a *HTTPError.
	Deliver(options string, message Message) (Receipt, error)
}

var provider Provider

// Register names the provider of this component. Call it in init.
func Register(p Provider) { provider = p }

// Recipient is the kind of address that a provider delivers to.
type Recipient uint8

// The kinds of addresses.
const (
	EmailAddress Recipient = iota
	PhoneNumber
	Handle
)

// Manifest is a provider's description of itself.
type Manifest struct {
	TypeID, Name, Version, Channel string
	Recipient                      Recipient
	// OptionsSchema is a JSON Schema of type object. "writeOnly": true marks a secret.
	OptionsSchema string
	// NeedsCode says that Deliver needs the code by itself.
	NeedsCode bool
}

// Problem is a problem with the options.
type Problem struct {
	// Pointer is a JSON Pointer to the option, such as /Url.
	Pointer string
	Message string
}

// Authentication is how the host authenticates each request to an origin.
type Authentication struct {
	tag   uint8
	texts []string
}

// None does not authenticate.
func None() Authentication { return Authentication{tag: 0} }

// Basic is HTTP Basic.
func Basic(username, password string) Authentication {
	return Authentication{1, []string{username, password}}
}

// Bearer is a fixed bearer token.
func Bearer(token string) Authentication { return Authentication{2, []string{token}} }

// Header is a header that the upstream defines.
func Header(name, value string) Authentication { return Authentication{3, []string{name, value}} }

// OAuth2 is OAuth 2.0 client credentials. The scope may be empty.
func OAuth2(tokenURL, clientID, clientSecret, scope string) Authentication {
	return Authentication{tagOAuth2, []string{tokenURL, clientID, clientSecret, scope}}
}

const tagOAuth2 = 4

// AWS is AWS Signature Version 4.
func AWS(accessKeyID, secretAccessKey, region, service string) Authentication {
	return Authentication{8, []string{accessKeyID, secretAccessKey, region, service}}
}

// WebhookSignature signs by Standard Webhooks.
func WebhookSignature(secret string) Authentication { return Authentication{9, []string{secret}} }

// Security is how an SMTP connection is protected.
type Security uint8

// The kinds of protection.
const (
	ImplicitTLS Security = iota
	StartTLS
	Plaintext
)

// Connection is a connection that an instance needs.
type Connection struct {
	Origin         string
	Authentication Authentication
	// PlaceSecrets are JSON Pointers of the secret options that the host puts into requests, in place of their placeholders.
	PlaceSecrets []string
	// CodeInQuery says that the upstream takes the text in the URL. The operator has to allow it.
	CodeInQuery bool
	smtp        *SMTPConnection
}

// SMTPConnection is a mail server. Without a user name there is no login.
type SMTPConnection struct {
	Host               string
	Port               uint16
	Security           Security
	Username, Password string
	TimeoutMs          uint32
}

// HTTP is an HTTP origin, such as https://api.example.com.
func HTTP(origin string, how Authentication) Connection {
	return Connection{Origin: origin, Authentication: how}
}

// SMTP is a mail server; an instance has at most one.
func SMTP(server SMTPConnection) Connection { return Connection{smtp: &server} }

// Entry is a name and a value.
type Entry struct{ Name, Value string }

// Message is a message with a code for one person. The texts have a placeholder for the code: send them unchanged.
type Message struct {
	ID, Recipient, Subject, Text string
	// HTML is empty if there is none.
	HTML string
	// Code is a placeholder for the code, or the code itself if the manifest says NeedsCode.
	Code                         string
	ValidSeconds                 uint32
	Locale, Purpose, Application string
	Extra                        []Entry
}

// Receipt says that the upstream accepted the message.
type Receipt struct {
	Reference string
	// Segments is the number of billed segments, 0 if the upstream did not report it.
	Segments uint32
	// Price is what the upstream charges, empty if it did not report it.
	Price Price
	Extra []Entry
}

// Price is an amount of money: a decimal number, and a currency (ISO 4217).
type Price struct{ Amount, Currency string }

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

// Request is an HTTP request to a granted origin.
type Request struct {
	Method, URL string
	Headers     []Entry
	Body        []byte
}

// Response is an HTTP response. Names of headers are in lower case.
type Response struct {
	Status  uint16
	Headers []Entry
	Body    []byte
}

// Header returns the first value of a header, or an empty text.
func (r *Response) Header(name string) string {
	for _, header := range r.Headers {
		if header.Name == name {
			return header.Value
		}
	}
	return ""
}

// HTTPErrorKind says whether a request was sent.
type HTTPErrorKind uint8

// The kinds of errors of Send.
const (
	Denied HTTPErrorKind = iota
	Unauthenticated
	NotSent
	NoAnswer
)

// HTTPError is why there is no response. Deliver may return it unchanged: it maps to the right failure.
type HTTPError struct {
	Kind   HTTPErrorKind
	Detail string
}

func (e *HTTPError) Error() string { return e.Detail }

// Failure returns the failure that the error means.
func (e *HTTPError) Failure() *Failure {
	switch e.Kind {
	case NotSent:
		return RetryLater(-1, "not-sent", e.Detail)
	case NoAnswer:
		return OutcomeUnknown("no-answer", e.Detail)
	case Unauthenticated:
		return Misconfigured("unauthenticated", e.Detail)
	default:
		return Misconfigured("denied", e.Detail)
	}
}

// failureOf returns the failure that an error of Deliver means.
func failureOf(err error) *Failure {
	switch err := err.(type) {
	case *Failure:
		return err
	case *HTTPError:
		return err.Failure()
	default:
		return OutcomeUnknown("error", "the provider failed")
	}
}

// Level is the severity of a line of the log.
type Level uint8

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)
