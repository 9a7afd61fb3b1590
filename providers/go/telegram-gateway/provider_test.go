package main

import (
	"encoding/json"
	"errors"
	"testing"

	"webhook-go/twofactor"
)

// A placeholder stands for the code.
var message = twofactor.Message{
	ID: "m-1", Recipient: "+41791234567", Text: "QXZJKV is your code.", Code: "QXZJKV", ValidSeconds: 300, Locale: "en",
}

func deliver(t *testing.T, options string, status uint16, body string, headers ...twofactor.Entry) (map[string]any, twofactor.Receipt, error) {
	t.Helper()
	var requests []twofactor.Request
	twofactor.Send = func(request twofactor.Request) (*twofactor.Response, error) {
		requests = append(requests, request)
		return &twofactor.Response{Status: status, Headers: headers, Body: []byte(body)}, nil
	}
	receipt, err := gateway{}.Deliver(options, message)
	if len(requests) != 1 || requests[0].URL != origin+"/sendVerificationMessage" {
		t.Fatal(requests)
	}
	var sent map[string]any
	if err := json.Unmarshal(requests[0].Body, &sent); err != nil {
		t.Fatal(err)
	}
	return sent, receipt, err
}

func TestTheCodeIsSentByItself(t *testing.T) {
	sent, receipt, err := deliver(t, `{"TelegramSenderUsername": "my_shop"}`, 200, `{"ok":true,"result":{"request_id":"r1"}}`)
	if err != nil || receipt.Reference != "r1" {
		t.Fatal(receipt, err)
	}
	if len(sent) != 4 || sent["phone_number"] != message.Recipient || sent["code"] != "QXZJKV" || sent["ttl"] != 300.0 ||
		sent["sender_username"] != "my_shop" {
		t.Error(sent)
	}
}

func TestEachErrorHasItsMeaning(t *testing.T) {
	for _, row := range []struct {
		status uint16
		body   string
		kind   twofactor.Kind
		wait   int64
	}{
		{200, `{"ok":false,"error":"ACCESS_TOKEN_INVALID"}`, twofactor.KindMisconfigured, 0},
		{200, `{"ok":false,"error":"BALANCE_NOT_ENOUGH"}`, twofactor.KindMisconfigured, 0},
		{200, `{"ok":false,"error":"SENDER_NOT_VERIFIED"}`, twofactor.KindMisconfigured, 0},
		{200, `{"ok":false,"error":"PHONE_NUMBER_INVALID"}`, twofactor.KindRejected, 0},
		{200, `{"ok":false,"error":"CODE_INVALID"}`, twofactor.KindMisconfigured, 0},
		{200, `{"ok":false,"error":"FLOOD_WAIT_7"}`, twofactor.KindRetryLater, 7},
		{200, `{"ok":false,"error":"SOMETHING_NEW"}`, twofactor.KindOutcomeUnknown, 0},
		{200, `{}`, twofactor.KindOutcomeUnknown, 0},
		{401, `{}`, twofactor.KindMisconfigured, 0},
		{404, `{}`, twofactor.KindMisconfigured, 0},
		{400, `{}`, twofactor.KindRejected, 0},
		{429, `{}`, twofactor.KindRetryLater, -1},
		{500, `{}`, twofactor.KindOutcomeUnknown, 0},
	} {
		_, _, err := deliver(t, `{}`, row.status, row.body)
		var failure *twofactor.Failure
		if !errors.As(err, &failure) || failure.Kind != row.kind || failure.AfterSeconds != row.wait {
			t.Error(row, err)
		}
	}
}

func TestTheExampleOfTheSchemaIsValid(t *testing.T) {
	var schema struct{ Examples []json.RawMessage }
	if err := json.Unmarshal([]byte(gateway{}.Describe().OptionsSchema), &schema); err != nil {
		t.Fatal(err)
	}
	connections, problems := gateway{}.Configure(string(schema.Examples[0]))
	if len(problems) > 0 || len(connections) != 1 || connections[0].Origin != origin {
		t.Error(connections, problems)
	}
}
