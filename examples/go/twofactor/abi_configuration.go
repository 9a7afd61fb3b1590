//go:build wasm

package twofactor

// The sizes of types with several cases, without their tags: those of the largest case.
const (
	sizeOfCredentials          = 16
	sizeOfClientAuthentication = 20
	sizeOfJWT                  = 32
	sizeOfTokenPlace           = 8
	sizeOfAuthentication       = 92
	sizeOfSetting              = 16
	sizeOfConnection           = 112
)

//go:wasmexport twofactor:provider/configuration@0.2.0#describe
func describe() uint32 {
	manifest, at := provider.Describe(), allocate(56)
	to := cursor{at}
	to.text(manifest.TypeID, manifest.Name, manifest.Version, manifest.Channel)
	to.u8(uint8(manifest.Recipient))
	to.text(manifest.OptionsSchema)
	to.flag(manifest.NeedsCode)
	to.entries(manifest.Extra)
	return at
}

func (c *cursor) flag(value bool) {
	if value {
		c.u8(1)
	} else {
		c.u8(0)
	}
}

//go:wasmexport twofactor:provider/configuration@0.2.0#configure
func configure(options, length uint32) uint32 {
	connections, problems := provider.Configure(text(options, length))
	at := allocate(12)
	to := cursor{at}
	if len(problems) > 0 {
		to.variant(1, 8, func(to *cursor) {
			writeList(to, problems, 16, func(to *cursor, problem Problem) { to.text(problem.Pointer, problem.Message) })
		})
	} else {
		to.variant(0, 8, func(to *cursor) { writeList(to, connections, 4+sizeOfConnection, writeConnection) })
	}
	return at
}

func writeConnection(to *cursor, connection Connection) {
	if server := connection.Server; server != nil {
		to.variant(1, sizeOfConnection, func(to *cursor) {
			to.text(server.Host)
			to.u16(server.Port)
			to.u8(uint8(server.Security))
			to.option(server.Login != nil, sizeOfCredentials, func(to *cursor) {
				to.text(server.Login.Username, server.Login.Password)
			})
			to.u32(server.TimeoutMs)
			to.entries(server.OtherSettings)
		})
		return
	}
	to.variant(0, sizeOfConnection, func(to *cursor) {
		to.text(connection.Origin)
		writeAuthentication(to, connection.Authentication)
		writeSettings(to, connection)
	})
}

func writeSettings(to *cursor, connection Connection) {
	type setting struct {
		tag   uint8
		texts []string
	}
	var settings []setting
	for _, pointer := range connection.PlaceSecrets {
		settings = append(settings, setting{0, []string{pointer}})
	}
	if connection.CodeInQuery {
		settings = append(settings, setting{1, nil})
	}
	for _, other := range connection.OtherSettings {
		settings = append(settings, setting{2, []string{other.Name, other.Value}})
	}
	writeList(to, settings, 4+sizeOfSetting, func(to *cursor, setting setting) {
		to.variant(setting.tag, sizeOfSetting, func(to *cursor) { to.text(setting.texts...) })
	})
}

func writeAuthentication(to *cursor, how Authentication) {
	write := func(tag uint8, payload func(to *cursor)) { to.variant(tag, sizeOfAuthentication, payload) }
	switch how := how.(type) {
	case Basic:
		write(1, func(to *cursor) { to.text(how.Username, how.Password) })
	case Bearer:
		write(2, func(to *cursor) { to.text(string(how)) })
	case Header:
		write(3, func(to *cursor) { to.text(how.Name, how.Value) })
	case OAuth2:
		write(4, func(to *cursor) { writeOAuth2(to, how) })
	case JWT:
		write(5, func(to *cursor) { writeJWT(to, how) })
	case Login:
		write(6, func(to *cursor) { writeLogin(to, how) })
	case Signature:
		write(7, func(to *cursor) { writeSignature(to, how) })
	case AWS:
		write(8, func(to *cursor) { to.text(how.AccessKeyID, how.SecretAccessKey, how.Region, how.Service) })
	case WebhookSignature:
		write(9, func(to *cursor) { to.text(string(how)) })
	default:
		write(0, func(*cursor) {})
	}
}

func writeOAuth2(to *cursor, client OAuth2) {
	to.text(client.TokenURL, client.ClientID)
	write := func(tag uint8, payload func(to *cursor)) { to.variant(tag, sizeOfClientAuthentication, payload) }
	switch how := client.Client.(type) {
	case SecretInBody:
		write(1, func(to *cursor) { to.text(string(how)) })
	case SecretInHeader:
		write(2, func(to *cursor) { to.text(string(how)) })
	case PrivateKeyJWT:
		write(3, func(to *cursor) { writeJWTKey(to, JWTKey(how)) })
	default:
		write(0, func(*cursor) {})
	}
	to.option(client.Assertion != nil, sizeOfJWT, func(to *cursor) { writeJWT(to, *client.Assertion) })
	to.text(client.Scope)
	to.entries(client.Parameters)
}

func writeJWTKey(to *cursor, key JWTKey) {
	to.u8(uint8(key.Algorithm))
	to.text(key.Key)
	to.entries(key.Header)
}

func writeJWT(to *cursor, token JWT) {
	writeJWTKey(to, token.Key)
	to.entries(token.Claims)
	to.u32(token.ValidSeconds)
}

func writeLogin(to *cursor, login Login) {
	to.text(login.URL)
	to.entries(login.Fields)
	to.u8(uint8(login.Format))
	to.entries(login.Expected)
	to.text(login.Token, login.ValidSeconds)
	to.u32(login.DefaultValidSeconds)
	switch place := login.Place; {
	case place.Header != "":
		to.variant(1, sizeOfTokenPlace, func(to *cursor) { to.text(place.Header) })
	case place.Query != "":
		to.variant(2, sizeOfTokenPlace, func(to *cursor) { to.text(place.Query) })
	default:
		to.variant(0, sizeOfTokenPlace, func(*cursor) {})
	}
}

func writeHMACKey(to *cursor, key HMACKey) {
	to.u8(uint8(key.Hash))
	to.text(key.Key)
	to.u8(uint8(key.Encoding))
	// A record takes a multiple of its alignment.
	to.field(0, 4)
}

func writeSignature(to *cursor, signature Signature) {
	writeHMACKey(to, signature.Key)
	writeList(to, signature.KeySteps, 8, func(to *cursor, step string) { to.text(step) })
	to.entries(signature.Values, signature.SignedHeaders)
	to.text(signature.Text)
	to.entries(signature.Headers, signature.Query, signature.Fields)
}
