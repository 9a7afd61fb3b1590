// Codes in Telegram, through its Gateway API. Telegram has the text, so the code is sent by itself. The method, its
// parameters and its errors: https://core.telegram.org/gateway/api#sendverificationmessage
//
// Errors are names in a response with `ok: false`. Telegram documents ACCESS_TOKEN_INVALID only; what the others mean is
// taken from their names and could not be confirmed.
package main

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"webhook-go/twofactor"
)

//go:embed schema.json
var schema string

const origin = "https://gatewayapi.telegram.org"

type options struct {
	Token  string `json:"TelegramGatewayToken"`
	Sender string `json:"TelegramSenderUsername"`
}

type gateway struct{}

func (gateway) Describe() twofactor.Manifest {
	return twofactor.Manifest{
		TypeID:        "telegram-gateway",
		Name:          "Telegram Gateway",
		Version:       "0.1.0",
		Channel:       "chat",
		Recipient:     twofactor.PhoneNumber,
		OptionsSchema: schema,
	}
}

func (gateway) Configure(text string) ([]twofactor.Connection, []twofactor.Problem) {
	var options options
	if err := json.Unmarshal([]byte(text), &options); err != nil {
		return nil, []twofactor.Problem{{Message: "must be a JSON object"}}
	}
	return []twofactor.Connection{twofactor.HTTP(origin, twofactor.Bearer(options.Token))}, nil
}

func (gateway) Deliver(text string, message twofactor.Message) (twofactor.Receipt, error) {
	var options options
	if err := json.Unmarshal([]byte(text), &options); err != nil {
		return twofactor.Receipt{}, twofactor.Misconfigured("options", "the options are not a JSON object")
	}
	parameters := map[string]any{
		"phone_number": message.Recipient,
		"code":         message.Code,
		// A message that is not delivered by then is not sent, and not charged.
		"ttl": min(max(message.ValidSeconds, 30), 3600),
	}
	if options.Sender != "" {
		parameters["sender_username"] = options.Sender
	}
	body, err := json.Marshal(parameters)
	if err != nil {
		return twofactor.Receipt{}, twofactor.RejectedMessage("json", "the message cannot be written as JSON")
	}
	response, err := twofactor.Send(twofactor.Request{
		Method:  "POST",
		URL:     origin + "/sendVerificationMessage",
		Headers: []twofactor.Entry{{Name: "content-type", Value: "application/json"}, {Name: "accept", Value: "application/json"}},
		Body:    body,
	})
	if err != nil {
		return twofactor.Receipt{}, err
	}
	var answer struct {
		OK     bool
		Error  string
		Result struct {
			RequestID string `json:"request_id"`
		}
	}
	understood := twofactor.Unmarshal(response.Body, &answer) == nil
	if understood && answer.OK && response.Status == 200 {
		return twofactor.Receipt{Reference: answer.Result.RequestID}, nil
	}
	return twofactor.Receipt{}, failure(response, answer.Error)
}

var isName = regexp.MustCompile(`^[A-Z_]{3,60}(_[0-9]{1,6})?$`).MatchString

// failure maps an error of the gateway to what the host does next. Only a name is repeated.
func failure(response *twofactor.Response, name string) *twofactor.Failure {
	code := name
	if !isName(name) {
		code = strconv.Itoa(int(response.Status))
	}
	switch status := response.Status; {
	case strings.HasPrefix(name, "FLOOD_WAIT"), status == 429:
		return twofactor.RetryLater(wait(response, name), code, "Telegram is throttling requests")
	case strings.HasPrefix(name, "ACCESS_TOKEN"), status == 401, status == 403:
		return twofactor.Misconfigured(code, "Telegram does not accept the access token")
	case name == "BALANCE_NOT_ENOUGH":
		return twofactor.Misconfigured(code, "the account has no credit")
	case strings.HasPrefix(name, "SENDER_"):
		return twofactor.Misconfigured(code, "Telegram does not accept the sender")
	case strings.HasPrefix(name, "PHONE_NUMBER"):
		return twofactor.RejectedRecipient(code, "Telegram cannot reach this number")
	case strings.HasPrefix(name, "CODE_"):
		return twofactor.Misconfigured(code, "Telegram accepts codes of 4 to 8 digits: see the code policy")
	case status >= 500:
		return twofactor.OutcomeUnknown(code, "Telegram failed after it received the message")
	case status < 300:
		return twofactor.OutcomeUnknown(code, "Telegram's response is not documented")
	case status == 404, status == 405, status < 400:
		return twofactor.Misconfigured(code, "Telegram does not know the requested path")
	default:
		return twofactor.RejectedMessage(code, "Telegram does not accept the request")
	}
}

// wait returns the seconds that Telegram asks to wait, in a header or at the end of the error's name; -1 if it names none.
func wait(response *twofactor.Response, name string) int64 {
	for _, text := range []string{response.Header("retry-after"), name[strings.LastIndex(name, "_")+1:]} {
		if seconds, err := strconv.ParseUint(text, 10, 20); err == nil {
			return int64(seconds)
		}
	}
	return -1
}

func init() { twofactor.Register(gateway{}) }

// A component has no main program, and Go wants one.
func main() {}
