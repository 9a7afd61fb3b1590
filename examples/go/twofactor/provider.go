// Package twofactor is a small SDK for providers in Go: the types of the contract, and the code that turns a provider into a component.
//
// The contract is in wit/, with a comment on each item. Its interfaces that a component exports are named in world.wit.
package twofactor

// Provider is what every provider has. A fresh instance serves each call: no state is kept between calls.
type Provider interface {
	// Describe returns the provider's metadata.
	Describe() Manifest
	// Configure validates the options of one instance, JSON with its secrets, and returns the connections it needs or what is wrong.
	// It can reach nothing.
	Configure(options string) ([]Connection, []Problem)
}

// Deliverer delivers codes that the host generates. Its world has the line: export twofactor:provider/delivery@0.2.0;
type Deliverer interface {
	Provider
	// Deliver delivers one message. The options are without the secrets. The error is a *Failure, or that of Send or SendMail.
	Deliver(options string, message Message) (Receipt, error)
}

var (
	provider  Provider
	deliverer Deliverer
	verifier  Verifier
	reporter  Reporter
)

// Register names the provider of this component. Call it in init.
func Register(p Deliverer) { provider, deliverer = p, p }

// RegisterVerifier names the provider of this component if its upstream generates and verifies the codes. Call it in init.
func RegisterVerifier(p Verifier) { provider, verifier = p, p }

// RegisterReports names what parses the delivery reports of the upstream. Call it in init, besides Register or RegisterVerifier.
func RegisterReports(r Reporter) { reporter = r }

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
	// Extra is what later minor versions of the contract add.
	Extra []Entry
}

// Problem is a problem with the options.
type Problem struct {
	// Pointer is a JSON Pointer to the option, such as /Url.
	Pointer string
	Message string
}

// Entry is a name and a value.
type Entry struct{ Name, Value string }

// Level is the severity of a line of the log.
type Level uint8

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)
