package twofactor

// Connection is a connection that an instance needs: HTTP or SMTP returns one.
type Connection struct {
	// Origin is that of an HTTP connection, such as https://api.example.com.
	Origin string
	// Authentication is how the host authenticates there. It is None{} if it is nil.
	Authentication Authentication
	// PlaceSecrets are JSON Pointers of the secret options that the host puts into requests, in place of their placeholders.
	PlaceSecrets []string
	// CodeInQuery says that the upstream accepts the text in the URL. The operator has to allow it.
	CodeInQuery bool
	// OtherSettings are those that later minor versions of the contract add.
	OtherSettings []Entry
	// Server is the mail server; nil for an HTTP connection.
	Server *SMTPServer
}

// HTTP is an HTTP origin, such as https://api.example.com. At most one connection for each origin.
func HTTP(origin string, how Authentication) Connection {
	return Connection{Origin: origin, Authentication: how}
}

// SMTP is a mail server; an instance has at most one.
func SMTP(server SMTPServer) Connection { return Connection{Server: &server} }

// Security is how an SMTP connection is protected.
type Security uint8

// The kinds of protection.
const (
	ImplicitTLS Security = iota
	StartTLS
	Plaintext
)

// SMTPServer is a mail server.
type SMTPServer struct {
	Host     string
	Port     uint16
	Security Security
	// Login has the credentials, if the server wants any.
	Login *Basic
	// TimeoutMs is the time for one whole exchange, in milliseconds.
	TimeoutMs uint32
	// OtherSettings are those that later minor versions of the contract add.
	OtherSettings []Entry
}
