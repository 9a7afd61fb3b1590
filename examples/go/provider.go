// A provider that posts messages to a webhook.
package main

import (
	_ "embed"
	"encoding/json"
	"net/url"
	"strconv"

	"webhook-go/twofactor"
)

//go:embed schema.json
var schema string

// Options are filled in by an administrator. Deliver gets them without the token.
type options struct {
	URL   string `json:"Url"`
	Token string
}

type webhook struct{}

func (webhook) Describe() twofactor.Manifest {
	return twofactor.Manifest{
		// The type of its instances. Operators use it in their configuration: never change it after the first release.
		TypeID:        "webhook-go",
		Name:          "Webhook (Go)",
		Version:       "0.1.0",
		Channel:       "sms",
		Recipient:     twofactor.PhoneNumber,
		OptionsSchema: schema,
	}
}

func (webhook) Configure(text string) ([]twofactor.Connection, []twofactor.Problem) {
	var options options
	if err := json.Unmarshal([]byte(text), &options); err != nil {
		return nil, []twofactor.Problem{{Pointer: "", Message: "must be a JSON object"}}
	}
	at, err := url.Parse(options.URL)
	if err != nil || at.Scheme != "https" || at.Hostname() == "" || at.User != nil || at.Fragment != "" {
		const message = "must be an https URL, such as https://sms.example.com/messages"
		return nil, []twofactor.Problem{{Pointer: "/Url", Message: message}}
	}
	// The host attaches the token to each request; Deliver never sees it.
	return []twofactor.Connection{twofactor.HTTP("https://"+at.Host, twofactor.Bearer(options.Token))}, nil
}

func (webhook) Deliver(text string, message twofactor.Message) (twofactor.Receipt, error) {
	var options options
	if err := json.Unmarshal([]byte(text), &options); err != nil {
		return twofactor.Receipt{}, twofactor.Misconfigured("options", "the options are not a JSON object")
	}
	// The text has a placeholder, which the host replaces with the code: send the text unchanged.
	body, err := json.Marshal(map[string]string{"to": message.Recipient, "text": message.Text})
	if err != nil {
		return twofactor.Receipt{}, twofactor.RejectedMessage("json", "the message cannot be written as JSON")
	}
	answer, err := twofactor.Send(twofactor.Request{
		Method: "POST",
		URL:    options.URL,
		Headers: []twofactor.Entry{
			{Name: "content-type", Value: "application/json"},
			{Name: "accept", Value: "application/json"},
			// The id stays the same when a message is sent again, so that the webhook can recognize duplicates.
			{Name: "idempotency-key", Value: message.ID},
		},
		Body: body,
	})
	if err != nil {
		return twofactor.Receipt{}, err
	}
	if answer.Status >= 200 && answer.Status < 300 {
		return twofactor.Receipt{Reference: reference(answer.Body)}, nil
	}
	return twofactor.Receipt{}, refused(answer)
}

// Returns the id that the webhook gave the message, if any.
func reference(body []byte) string {
	var said struct {
		ID string `json:"id"`
	}
	if twofactor.Unmarshal(body, &said) != nil {
		return ""
	}
	return said.ID
}

// Returns the failure that a status means.
func refused(answer *twofactor.Response) *twofactor.Failure {
	code := strconv.Itoa(int(answer.Status))
	switch status := answer.Status; {
	case status == 401 || status == 403:
		return twofactor.Misconfigured(code, "the webhook does not accept the token")
	case status == 404 || status == 405:
		return twofactor.Misconfigured(code, "there is no webhook at this URL")
	case status == 429:
		return twofactor.RetryLater(wait(answer), code, "the webhook is throttling requests")
	case status >= 500:
		return twofactor.OutcomeUnknown(code, "the webhook failed after it received the message")
	case status < 400:
		return twofactor.Misconfigured(code, "the webhook redirects, which is not followed")
	default:
		return twofactor.RejectedMessage(code, "the webhook does not accept the message")
	}
}

// Returns Retry-After in seconds. Its other form, a date, is ignored: the host has a default.
func wait(answer *twofactor.Response) int64 {
	seconds, err := strconv.ParseUint(answer.Header("retry-after"), 10, 20)
	if err != nil {
		return -1
	}
	return int64(seconds)
}

func init() { twofactor.Register(webhook{}) }

// A component has no main program, but Go requires one.
func main() {}
