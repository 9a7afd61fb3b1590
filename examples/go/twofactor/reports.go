package twofactor

// Reporter parses delivery reports. Its world has the additional line: export twofactor:provider/reports@0.2.0;
// Without it the host does not call these functions, neither of which can reach anything.
type Reporter interface {
	// ReportProof returns how the upstream proves reports to an instance with these options, secrets included; nil if it sends none.
	ReportProof(options string) Proof
	// ParseReport parses a report that the host has verified; nil if it is not a report. The options are without the secrets.
	ParseReport(options string, request ReportRequest) *Report
}

// Proof is how the upstream proves that a report comes from it. It is one of SecretURL, Basic, Header, ReportSignature, ReportJWT,
// TwilioSignature and WebhookSignature.
type Proof interface{ isProof() }

// SecretURL proves by the report URL alone, which no one can guess: for upstreams that offer nothing better.
type SecretURL struct{}

// ReportSignature is a signature in a header.
type ReportSignature struct {
	// HMAC is the shared secret; nil if Ed25519 has the upstream's public key, 32 bytes in base64.
	HMAC    *HMACKey
	Ed25519 string
	// Text is the template of what is signed: see report-signature in wit/reports.wit.
	Text string
	// Header contains the signature, after Prefix.
	Header, Prefix string
	// Base64 says that the signature is written in base64, not in hexadecimal digits.
	Base64 bool
	// TimestampHeader contains the time in seconds since 1970, which must be among what is signed; empty if there is none.
	TimestampHeader string
}

// ReportJWT is a JSON Web Token in a header.
type ReportJWT struct {
	Algorithm JWTAlgorithm
	// Key is the shared secret for HS256, otherwise the upstream's public key in PEM.
	Key    string
	Header string
	// Claims are those that the token must contain, such as iss.
	Claims []Entry
	// BodyHashClaim contains the SHA-256 of the body in hexadecimal digits; empty if there is none.
	BodyHashClaim string
}

// TwilioSignature is X-Twilio-Signature, made with this auth token.
type TwilioSignature string

func (SecretURL) isProof()        {}
func (Basic) isProof()            {}
func (Header) isProof()           {}
func (ReportSignature) isProof()  {}
func (ReportJWT) isProof()        {}
func (TwilioSignature) isProof()  {}
func (WebhookSignature) isProof() {}

// ReportRequest is a report as it arrived, without what its proof does not cover.
type ReportRequest struct {
	// Method is POST or GET.
	Method      string
	Query       string
	ContentType string
	Body        []byte
}

// DeliveryStatus is the state of a message's delivery.
type DeliveryStatus uint8

// The states.
const (
	Pending DeliveryStatus = iota
	Delivered
	Failed
)

// Report is a parsed delivery report.
type Report struct {
	Status DeliveryStatus
	// Code is the upstream's own code for why the message did not arrive; it may be empty. No code, address or secret.
	Code string
	// Price is what the upstream charges, empty if the report does not say it.
	Price Price
	Extra []Entry
}
