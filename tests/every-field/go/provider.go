// A provider that puts a value of its own into every field that the SDK has, and repeats every field that it gets. ../every_field.mjs has
// the same values.
package main

import (
	"encoding/json"
	"strconv"

	"webhook-go/twofactor"
)

// A provider of both kinds; what it exports is up to the world.
type everything struct{}

func entries(name string) []twofactor.Entry {
	return []twofactor.Entry{{Name: name + "-1", Value: "v1"}, {Name: name + "-2", Value: "v2"}}
}

func (everything) Describe() twofactor.Manifest {
	return twofactor.Manifest{
		TypeID: "every-field", Name: "Every field", Version: "1.2.3", Channel: "chat", Recipient: twofactor.Handle,
		OptionsSchema: `{"type":"object"}`, NeedsCode: true, Extra: entries("manifest"),
	}
}

var (
	jwtKey = twofactor.JWTKey{Algorithm: twofactor.ES256, Key: "jwt-key", Header: entries("jwt-header")}
	jwt    = twofactor.JWT{Key: jwtKey, Claims: entries("claim"), ValidSeconds: 61}
	hmac   = twofactor.HMACKey{Hash: twofactor.SHA512, Key: "hmac-key", Encoding: twofactor.KeyBase64}
)

func login(place twofactor.TokenPlace) twofactor.Login {
	return twofactor.Login{
		URL: "login-url", Fields: entries("field"), Format: twofactor.AsJSON, Expected: entries("expected"), Token: "token",
		ValidSeconds: "valid", DefaultValidSeconds: 62, Place: place,
	}
}

func oauth2(client twofactor.ClientAuthentication, assertion *twofactor.JWT) twofactor.OAuth2 {
	return twofactor.OAuth2{
		TokenURL: "token-url", ClientID: "client-id", Client: client, Assertion: assertion, Scope: "scope",
		Parameters: entries("parameter"),
	}
}

func (everything) Configure(options string) ([]twofactor.Connection, []twofactor.Problem) {
	if options == "wrong" {
		return nil, []twofactor.Problem{{Pointer: "/One", Message: "first"}, {Pointer: "/Two", Message: "second"}}
	}
	var connections []twofactor.Connection
	for n, how := range []twofactor.Authentication{
		nil, twofactor.None{}, twofactor.Basic{Username: "user", Password: "password"}, twofactor.Bearer("bearer"),
		twofactor.Header{Name: "x-key", Value: "key"}, oauth2(nil, nil), oauth2(twofactor.SecretInBody("in-body"), nil),
		oauth2(twofactor.SecretInHeader("in-header"), &jwt), oauth2(twofactor.PrivateKeyJWT(jwtKey), &jwt), jwt,
		login(twofactor.TokenPlace{}), login(twofactor.TokenPlace{Header: "x-token"}), login(twofactor.TokenPlace{Query: "token"}),
		twofactor.Signature{
			Key: hmac, KeySteps: []string{"step-1", "step-2"}, Values: entries("value"), SignedHeaders: entries("signed"), Text: "text",
			Headers: entries("header"), Query: entries("query"), Fields: entries("field"),
		},
		twofactor.AWS{AccessKeyID: "id", SecretAccessKey: "secret", Region: "region", Service: "service"},
		twofactor.WebhookSignature("whsec"),
	} {
		connections = append(connections, twofactor.HTTP("origin-"+strconv.Itoa(n), how))
	}
	last := &connections[len(connections)-1]
	last.PlaceSecrets, last.CodeInQuery, last.OtherSettings = []string{"/One", "/Two"}, true, entries("setting")
	return append(connections,
		twofactor.SMTP(twofactor.SMTPServer{Host: "open", Port: 25, Security: twofactor.Plaintext, TimeoutMs: 63}),
		twofactor.SMTP(twofactor.SMTPServer{Host: "tls", Port: 465, Security: twofactor.ImplicitTLS, TimeoutMs: 63}),
		twofactor.SMTP(twofactor.SMTPServer{
			Host: "mail", Port: 65535, Security: twofactor.StartTLS, TimeoutMs: 64, OtherSettings: entries("mail"),
			Login: &twofactor.Basic{Username: "user", Password: "password"},
		})), nil
}

var receipt = twofactor.Receipt{
	Reference: "reference", Segments: 3, Price: twofactor.Price{Amount: "0.0075", Currency: "EUR"}, Extra: entries("receipt"),
}

// Repeats the message in a receipt. Its purpose says what else to do.
func (everything) Deliver(options string, message twofactor.Message) (twofactor.Receipt, error) {
	switch message.Purpose {
	case "mail":
		reply, err := twofactor.SendMail(twofactor.Mail{
			SenderName: "name", Sender: "sender", Recipient: message.Recipient, Subject: message.Subject, Text: message.Text,
			HTML: message.HTML, ID: message.ID,
		})
		return twofactor.Receipt{Reference: reply}, err
	case "http":
		response, err := twofactor.Send(twofactor.Request{Method: "POST", URL: "url", Headers: entries("request"), Body: []byte("body")})
		if err != nil {
			return twofactor.Receipt{}, err
		}
		extra := append(response.Headers, twofactor.Entry{Name: "body", Value: string(response.Body)})
		return twofactor.Receipt{Reference: strconv.Itoa(int(response.Status)), Extra: extra}, nil
	case "log":
		for _, level := range []twofactor.Level{twofactor.Debug, twofactor.Info, twofactor.Warn, twofactor.Error} {
			twofactor.Log(level, "a line")
		}
		return twofactor.Receipt{Reference: strconv.FormatInt(twofactor.Now().UnixNano(), 10)}, nil
	case "full":
		return receipt, nil
	case "retry-later":
		return twofactor.Receipt{}, twofactor.RetryLater(7, "code", "detail")
	case "retry-at-some-time":
		return twofactor.Receipt{}, twofactor.RetryLater(-1, "code", "detail")
	case "outcome-unknown":
		return twofactor.Receipt{}, twofactor.OutcomeUnknown("code", "detail")
	case "rejected-recipient":
		return twofactor.Receipt{}, twofactor.RejectedRecipient("code", "detail")
	case "rejected-message":
		return twofactor.Receipt{}, twofactor.RejectedMessage("code", "detail")
	case "misconfigured":
		return twofactor.Receipt{}, twofactor.Misconfigured("code", "detail")
	case "blocked":
		return twofactor.Receipt{}, twofactor.Blocked("code", "detail")
	}
	return twofactor.Receipt{Reference: options + " " + told(message)}, nil
}

func told(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (everything) Begin(options string, message twofactor.Message) (twofactor.Started, error) {
	if message.Purpose == "blocked" {
		return twofactor.Started{}, twofactor.Blocked("code", "detail")
	}
	return twofactor.Started{Receipt: receipt, State: options + " " + told(message), CodeLength: 9}, nil
}

func (everything) Check(options, state, answer string) (twofactor.Verdict, error) {
	switch answer {
	case "right":
		return twofactor.Right, nil
	case "expired":
		return twofactor.Expired, nil
	case "failure":
		return 0, twofactor.RetryLater(7, options, state)
	}
	return twofactor.Wrong, nil
}

func (everything) ReportProof(options string) twofactor.Proof {
	signature := twofactor.ReportSignature{Text: "text", Header: "x-signature", Prefix: "sha512=", Base64: true, TimestampHeader: "x-time"}
	switch options {
	case "secret-url":
		return twofactor.SecretURL{}
	case "basic":
		return twofactor.Basic{Username: "user", Password: "password"}
	case "header":
		return twofactor.Header{Name: "x-key", Value: "key"}
	case "sha1":
		signature.HMAC = &twofactor.HMACKey{Hash: twofactor.SHA1, Key: "hmac-key"}
		return signature
	case "sha256":
		signature.HMAC = &twofactor.HMACKey{Hash: twofactor.SHA256, Key: "hmac-key", Encoding: twofactor.KeyHex}
		return signature
	case "sha512":
		signature.HMAC = &hmac
		return signature
	case "ed25519":
		signature.Ed25519, signature.Base64 = "public", false
		return signature
	case "hs256":
		return twofactor.ReportJWT{Algorithm: twofactor.HS256, Key: "secret", Header: "authorization"}
	case "rs256":
		return twofactor.ReportJWT{
			Algorithm: twofactor.RS256, Key: "public", Header: "authorization", Claims: entries("claim"), BodyHashClaim: "hash",
		}
	case "twilio":
		return twofactor.TwilioSignature("token")
	case "webhook":
		return twofactor.WebhookSignature("whsec")
	}
	return nil
}

func (everything) ParseReport(options string, request twofactor.ReportRequest) *twofactor.Report {
	switch string(request.Body) {
	case "nothing":
		return nil
	case "pending":
		return &twofactor.Report{Status: twofactor.Pending}
	case "full":
		price := twofactor.Price{Amount: "0.01", Currency: "CHF"}
		return &twofactor.Report{Status: twofactor.Failed, Code: "code", Price: price, Extra: entries("report")}
	}
	return &twofactor.Report{Status: twofactor.Delivered, Code: options + " " + told(request)}
}

func init() {
	twofactor.RegisterVerifier(everything{})
	twofactor.Register(everything{})
	twofactor.RegisterReports(everything{})
}

// A component has no main program, but Go requires one.
func main() {}
