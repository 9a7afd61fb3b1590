package main

import (
	"encoding/json"
	"errors"
	"testing"

	"webhook-go/twofactor"
)

const address = "https://sms.example.com/messages"

// The options have no token: the host attaches it.
const given = `{"Url": "` + address + `"}`

// The texts have a placeholder for the code.
var message = twofactor.Message{
	ID: "m-1", Recipient: "+41791234567", Subject: "Your code", Text: "QXZJKV is your code. „Grüezi“ <&>",
	ValidSeconds: 300, Locale: "en", Purpose: "sign-in", Application: "Shop",
}

// Delivers to an upstream with this response. Returns the request and the result.
func deliver(t *testing.T, answer *twofactor.Response, failed error) (twofactor.Request, twofactor.Receipt, error) {
	t.Helper()
	var requests []twofactor.Request
	twofactor.Send = func(request twofactor.Request) (*twofactor.Response, error) {
		requests = append(requests, request)
		return answer, failed
	}
	receipt, err := webhook{}.Deliver(given, message)
	if len(requests) != 1 {
		t.Fatalf("the upstream was called %d times", len(requests))
	}
	return requests[0], receipt, err
}

func TestTheExampleOfTheSchemaAsksForItsOwnOriginWithTheTokenAsBearer(t *testing.T) {
	var schema struct {
		Properties map[string]struct {
			Description string
			WriteOnly   bool `json:"writeOnly"`
		}
		Examples []json.RawMessage
	}
	if err := json.Unmarshal([]byte(webhook{}.Describe().OptionsSchema), &schema); err != nil {
		t.Fatal(err)
	}
	connections, problems := webhook{}.Configure(string(schema.Examples[0]))
	if len(problems) > 0 || len(connections) != 1 || connections[0].Origin != "https://sms.example.com" {
		t.Fatal(connections, problems)
	}
	if !schema.Properties["Token"].WriteOnly {
		t.Error("the token is not marked as a secret")
	}
	for name, option := range schema.Properties {
		if option.Description == "" {
			t.Error(name, "has no words")
		}
	}
}

func TestAUrlThatCannotBeUsedIsNamed(t *testing.T) {
	for _, url := range []string{"", "webhook", "http://sms.example.com/", "https://user@sms.example.com/", "https://["} {
		options, _ := json.Marshal(map[string]string{"Url": url, "Token": "t"})
		_, problems := webhook{}.Configure(string(options))
		if len(problems) != 1 || problems[0].Pointer != "/Url" {
			t.Error(url, problems)
		}
	}
}

func TestTheTextIsPostedAsItIsAndTheAnswersIdIsTheReference(t *testing.T) {
	request, receipt, err := deliver(t, &twofactor.Response{Status: 202, Body: []byte(`{"id": "m-4711"}`)}, nil)
	if err != nil || receipt.Reference != "m-4711" {
		t.Fatal(receipt, err)
	}
	var body map[string]string
	if err := json.Unmarshal(request.Body, &body); err != nil {
		t.Fatal(err)
	}
	if request.URL != address || len(body) != 2 || body["to"] != message.Recipient || body["text"] != message.Text {
		t.Error(request.URL, body)
	}
	if request.Headers[2] != (twofactor.Entry{Name: "idempotency-key", Value: message.ID}) {
		t.Error(request.Headers)
	}
}

func TestAnAnswerThatWasTakenAndSaysNothingOfUseIsADelivery(t *testing.T) {
	for _, body := range []string{"", "taken", "null", `{"id":7}`} {
		_, receipt, err := deliver(t, &twofactor.Response{Status: 200, Body: []byte(body)}, nil)
		if err != nil || receipt.Reference != "" {
			t.Error(body, receipt, err)
		}
	}
}

func TestEachStatusHasItsMeaning(t *testing.T) {
	meanings := map[uint16]twofactor.Kind{
		302: twofactor.KindMisconfigured, 400: twofactor.KindRejected, 401: twofactor.KindMisconfigured,
		403: twofactor.KindMisconfigured, 404: twofactor.KindMisconfigured, 429: twofactor.KindRetryLater,
		500: twofactor.KindOutcomeUnknown, 503: twofactor.KindOutcomeUnknown,
	}
	for status, meaning := range meanings {
		_, _, err := deliver(t, &twofactor.Response{Status: status}, nil)
		var failure *twofactor.Failure
		if !errors.As(err, &failure) || failure.Kind != meaning {
			t.Error(status, err)
		}
	}
}

func TestTheWaitThatTheUpstreamAsksForIsPassedOn(t *testing.T) {
	for value, seconds := range map[string]int64{"7": 7, "Wed, 21 Oct 2026 07:28:00 GMT": -1} {
		headers := []twofactor.Entry{{Name: "retry-after", Value: value}}
		_, _, err := deliver(t, &twofactor.Response{Status: 429, Headers: headers}, nil)
		var failure *twofactor.Failure
		if !errors.As(err, &failure) || failure.AfterSeconds != seconds {
			t.Error(value, err)
		}
	}
}

func TestWithoutAnAnswerItDependsOnHowFarTheRequestCame(t *testing.T) {
	meanings := map[twofactor.HTTPErrorKind]twofactor.Kind{
		twofactor.NotSent: twofactor.KindRetryLater, twofactor.NoAnswer: twofactor.KindOutcomeUnknown,
		twofactor.Denied: twofactor.KindMisconfigured, twofactor.Unauthenticated: twofactor.KindMisconfigured,
	}
	for kind, meaning := range meanings {
		_, _, err := deliver(t, nil, &twofactor.HTTPError{Kind: kind})
		var failed *twofactor.HTTPError
		if !errors.As(err, &failed) || failed.Failure().Kind != meaning {
			t.Error(kind, err)
		}
	}
}
