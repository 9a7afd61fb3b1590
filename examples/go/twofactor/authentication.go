package twofactor

// Authentication is how the host authenticates each request to an origin. The provider never sees the result. It is one of None, Basic,
// Bearer, Header, OAuth2, JWT, Login, Signature, AWS and WebhookSignature.
type Authentication interface{ isAuthentication() }

// None does not authenticate.
type None struct{}

// Basic is HTTP Basic (RFC 7617). It may also prove a report.
type Basic struct{ Username, Password string }

// Bearer is a fixed bearer token (RFC 6750).
type Bearer string

// Header is a header that the upstream defines, with a secret. It may also prove a report.
type Header struct{ Name, Value string }

// OAuth2 is an access token that the host obtains, caches and renews.
type OAuth2 struct {
	TokenURL, ClientID string
	// Client is how the client authenticates: SecretInBody, SecretInHeader or PrivateKeyJWT; nil for not at all.
	Client ClientAuthentication
	// Assertion is the grant, an assertion that the host signs (RFC 7523); nil for client credentials.
	Assertion *JWT
	// Scope may be empty.
	Scope string
	// Parameters are more parameters of the token request, such as audience.
	Parameters []Entry
}

// ClientAuthentication is how an OAuth 2.0 client authenticates at the token endpoint.
type ClientAuthentication interface{ isClientAuthentication() }

// SecretInBody is client_secret in the form.
type SecretInBody string

// SecretInHeader is HTTP Basic with the client id and this secret.
type SecretInHeader string

// PrivateKeyJWT is an assertion signed with this key (private_key_jwt).
type PrivateKeyJWT JWTKey

// JWTAlgorithm is the algorithm of a JSON Web Signature (RFC 7518).
type JWTAlgorithm uint8

// The algorithms.
const (
	HS256 JWTAlgorithm = iota
	RS256
	ES256
)

// JWTKey is a key that signs JSON Web Tokens.
type JWTKey struct {
	Algorithm JWTAlgorithm
	// Key is a private key in PEM; for HS256 the text of the secret.
	Key string
	// Header has more members of the token's header, such as kid.
	Header []Entry
}

// JWT is a bearer token that the host signs. The host adds the claims iat, exp and jti.
type JWT struct {
	Key    JWTKey
	Claims []Entry
	// ValidSeconds is 60 to 3600.
	ValidSeconds uint32
}

// LoginFormat is how the fields of a login are sent.
type LoginFormat uint8

// The formats.
const (
	InQuery LoginFormat = iota
	AsForm
	AsJSON
)

// Login is a token that the host obtains by a login of the upstream's own.
type Login struct {
	URL    string
	Fields []Entry
	Format LoginFormat
	// Expected are values that the response must contain: a JSON Pointer, and the text or number there.
	Expected []Entry
	// Token is a JSON Pointer to the token in the response.
	Token string
	// ValidSeconds is a JSON Pointer to the number of seconds for which it is valid; DefaultValidSeconds is for responses without them.
	ValidSeconds        string
	DefaultValidSeconds uint32
	// Place is where the token goes in each request; the default is a bearer token.
	Place TokenPlace
}

// TokenPlace is where a token goes: in a header or a parameter of the query; as a bearer token if both are empty.
type TokenPlace struct{ Header, Query string }

// Hash is the hash function of an HMAC.
type Hash uint8

// The hash functions.
const (
	SHA1 Hash = iota
	SHA256
	SHA512
)

// KeyEncoding is how the text of a key represents its bytes.
type KeyEncoding uint8

// The encodings of a key.
const (
	KeyText KeyEncoding = iota
	KeyHex
	KeyBase64
)

// HMACKey is a key for HMAC.
type HMACKey struct {
	Hash     Hash
	Key      string
	Encoding KeyEncoding
}

// Signature is a signature that the host computes over each request as it leaves. The texts are templates: see request-signature in
// wit/types.wit.
type Signature struct {
	Key HMACKey
	// KeySteps derive the signing key.
	KeySteps []string
	// Values are named templates, computed in this order.
	Values []Entry
	// SignedHeaders are set before the signature is computed.
	SignedHeaders []Entry
	// Text is what is signed.
	Text string
	// Headers, Query and Fields (of the form or JSON body) are added afterwards.
	Headers, Query, Fields []Entry
}

// AWS is AWS Signature Version 4.
type AWS struct{ AccessKeyID, SecretAccessKey, Region, Service string }

// WebhookSignature signs by Standard Webhooks, with this secret: whsec_ and base64. It may also prove a report.
type WebhookSignature string

func (None) isAuthentication()             {}
func (Basic) isAuthentication()            {}
func (Bearer) isAuthentication()           {}
func (Header) isAuthentication()           {}
func (OAuth2) isAuthentication()           {}
func (JWT) isAuthentication()              {}
func (Login) isAuthentication()            {}
func (Signature) isAuthentication()        {}
func (AWS) isAuthentication()              {}
func (WebhookSignature) isAuthentication() {}

func (SecretInBody) isClientAuthentication()   {}
func (SecretInHeader) isClientAuthentication() {}
func (PrivateKeyJWT) isClientAuthentication()  {}
