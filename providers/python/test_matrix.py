import json
import sys
import unittest
from pathlib import Path
from unittest import mock

# Made by `./build`.
sys.path.insert(0, str(Path(__file__).parent / "bindings"))

import matrix
from componentize_py_types import Err
from wit_world.imports import http, types

OPTIONS = json.dumps({"MatrixHomeserver": "matrix.example.com"})


def message(recipient="!room:example.com"):
    return types.Message(
        id="m-1",
        recipient=recipient,
        subject="Your code",
        text="QXZJKV is your code. „Grüezi“",
        html=None,
        code="QXZJKV",
        valid_seconds=300,
        locale="en",
        purpose="sign-in",
        application="Shop",
        extra=[],
    )


class Configure(unittest.TestCase):
    def test_the_example_of_the_schema_asks_for_its_own_origin(self):
        [example] = json.loads(matrix.Configuration().describe().options_schema)["examples"]
        bearer = types.HttpAuthentication_Bearer("syt_example_token")
        expected = [types.Connection_Http(types.HttpConnection("https://matrix.example.com", bearer, []))]
        self.assertEqual(matrix.Configuration().configure(json.dumps(example)), expected)

    def test_only_a_host_name_is_accepted(self):
        for host in ("https://matrix.example.com", "matrix", "matrix.example.com/x", "u@matrix.example.com", "matrix.example.com:443"):
            with self.subTest(host), self.assertRaises(Err):
                matrix.Configuration().configure(json.dumps({"MatrixHomeserver": host, "MatrixAccessToken": "t"}))


class Deliver(unittest.TestCase):
    def deliver(self, status=200, body=None, headers=(), error=None, recipient="!room:example.com"):
        headers = [types.Entry(name, value) for name, value in headers]
        answer = Err(error) if error else [http.Response(status, headers, json.dumps(body or {}).encode())]
        with mock.patch.object(http, "send", side_effect=answer) as send:
            try:
                return send, matrix.Delivery().deliver(OPTIONS, message(recipient))
            except Err as failure:
                return send, failure.value

    def test_a_message_is_put_as_the_specification_says(self):
        send, receipt = self.deliver(body={"event_id": "$1"})
        send.assert_called_once()
        [request] = send.call_args.args
        url = "https://matrix.example.com/_matrix/client/v3/rooms/%21room%3Aexample.com/send/m.room.message/m-1"
        self.assertEqual((request.method, request.url), ("PUT", url))
        self.assertEqual(json.loads(request.body), {"msgtype": "m.text", "body": message().text})
        self.assertEqual(receipt.reference, "$1")

    def test_each_error_has_its_meaning(self):
        for status, code, meaning in (
            (401, "M_UNKNOWN_TOKEN", types.DeliveryFailure_Misconfigured),
            (403, "M_FORBIDDEN", types.DeliveryFailure_Rejected),
            (404, "M_NOT_FOUND", types.DeliveryFailure_Rejected),
            (404, "M_UNRECOGNIZED", types.DeliveryFailure_Misconfigured),
            (413, "M_TOO_LARGE", types.DeliveryFailure_Rejected),
            (400, "M_BAD_JSON", types.DeliveryFailure_Rejected),
            (429, "M_LIMIT_EXCEEDED", types.DeliveryFailure_RetryLater),
            (500, "M_UNKNOWN", types.DeliveryFailure_OutcomeUnknown),
            (200, "", types.DeliveryFailure_OutcomeUnknown),
        ):
            with self.subTest(code):
                self.assertIsInstance(self.deliver(status, {"errcode": code})[1], meaning)

    def test_the_wait_is_passed_on(self):
        for headers, body, seconds in (([("retry-after", "7")], {}, 7), ([], {"retry_after_ms": 1500}, 2), ([], {}, None)):
            self.assertEqual(self.deliver(429, body, headers)[1].value.after_seconds, seconds)

    def test_what_is_not_a_room_is_not_asked_for(self):
        for recipient in ("@alice:example.com", "#room:example.com", "!a/../b", "! room"):
            send, failure = self.deliver(recipient=recipient)
            send.assert_not_called()
            self.assertIsInstance(failure, types.DeliveryFailure_Rejected)

    def test_an_error_of_the_host_has_its_meaning(self):
        for error, meaning in (
            (http.Error_NotSent("x"), types.DeliveryFailure_RetryLater),
            (http.Error_OutcomeUnknown("x"), types.DeliveryFailure_OutcomeUnknown),
            (http.Error_Denied("x"), types.DeliveryFailure_Misconfigured),
        ):
            self.assertIsInstance(self.deliver(error=error)[1], meaning)
