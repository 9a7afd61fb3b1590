import json
import sys
import unittest
from pathlib import Path
from unittest import mock

# Made by `./build`.
sys.path.insert(0, str(Path(__file__).parent / "bindings"))

import app
from componentize_py_types import Err
from wit_world.imports import http, types

WEBHOOK = "https://sms.example.com/messages"
# The options have no token: the host attaches it.
OPTIONS = json.dumps({"Url": WEBHOOK})
# The texts have a placeholder for the code.
MESSAGE = types.Message(
    id="m-1",
    recipient="+41791234567",
    subject="Your code",
    text="QXZJKV is your code. „Grüezi“",
    html=None,
    code="",
    valid_seconds=300,
    locale="en",
    purpose="sign-in",
    application="Shop",
    extra=[],
)


class Configure(unittest.TestCase):
    def test_the_example_of_the_schema_asks_for_its_own_origin_with_the_token_as_bearer(self):
        [example] = json.loads(app.Configuration().describe().options_schema)["examples"]
        bearer = types.HttpAuthentication_Bearer("an-example-token")
        self.assertEqual(
            app.Configuration().configure(json.dumps(example)),
            [types.Connection_Http(types.HttpConnection("https://sms.example.com", bearer, []))],
        )

    def test_a_secret_is_marked_and_every_option_has_words(self):
        properties = json.loads(app.Configuration().describe().options_schema)["properties"]
        self.assertTrue(properties["Token"]["writeOnly"])
        for option in properties.values():
            self.assertTrue(option["description"])

    def test_a_url_that_cannot_be_used_is_named(self):
        for url in ("", "webhook", "http://sms.example.com/", "https://user@sms.example.com/", "https://[",
                    "https://SMS.example.com/", "https://sms.example.com:443/", "HTTPS://sms.example.com/", WEBHOOK + "#x",
                    WEBHOOK + "/ü", "https://sms.example.com.evil"[:-5] + "@x"):
            with self.subTest(url), self.assertRaises(Err) as raised:
                app.Configuration().configure(json.dumps({"Url": url, "Token": "t"}))
            self.assertEqual([problem.pointer for problem in raised.exception.value], ["/Url"])


class Deliver(unittest.TestCase):
    def deliver(self, status=200, body="{}", headers=(), error=None):
        """Delivers to an upstream with this response. Returns the request and the result."""
        headers = [types.Entry(name, value) for name, value in headers]
        answer = Err(error) if error else [http.Response(status, headers, body.encode())]
        with mock.patch.object(http, "send", side_effect=answer) as send:
            try:
                outcome = app.Delivery().deliver(OPTIONS, MESSAGE)
            except Err as failure:
                outcome = failure.value
        # Once: the host decides about retries.
        send.assert_called_once()
        return send.call_args.args[0], outcome

    def test_the_text_is_posted_as_it_is_and_the_id_in_the_answer_is_the_reference(self):
        request, outcome = self.deliver(202, '{"id": "m-4711"}')
        self.assertEqual((request.method, request.url), ("POST", WEBHOOK))
        self.assertIn(types.Entry("idempotency-key", MESSAGE.id), request.headers)
        self.assertEqual(json.loads(request.body), {"to": MESSAGE.recipient, "text": MESSAGE.text})
        self.assertEqual(outcome, types.Receipt("m-4711", None, None, []))

    def test_an_answer_that_was_taken_and_says_nothing_of_use_is_a_delivery(self):
        for body in ("", "taken", "null", '{"id": 7}'):
            with self.subTest(body):
                self.assertEqual(self.deliver(200, body)[1].reference, "")

    def test_each_status_has_its_meaning(self):
        for status, meaning in (
            (302, types.DeliveryFailure_Misconfigured),
            (400, types.DeliveryFailure_Rejected),
            (401, types.DeliveryFailure_Misconfigured),
            (403, types.DeliveryFailure_Misconfigured),
            (404, types.DeliveryFailure_Misconfigured),
            (429, types.DeliveryFailure_RetryLater),
            (500, types.DeliveryFailure_OutcomeUnknown),
            (503, types.DeliveryFailure_OutcomeUnknown),
        ):
            with self.subTest(status):
                self.assertIsInstance(self.deliver(status)[1], meaning)

    def test_the_wait_that_the_upstream_asks_for_is_passed_on(self):
        for value, seconds in (("7", 7), ("Wed, 21 Oct 2026 07:28:00 GMT", None)):
            self.assertEqual(self.deliver(429, headers=[("retry-after", value)])[1].value.after_seconds, seconds)

    def test_what_the_host_says_in_place_of_an_answer_has_its_meaning(self):
        for error, meaning in (
            (http.Error_NotSent("x"), types.DeliveryFailure_RetryLater),
            (http.Error_OutcomeUnknown("x"), types.DeliveryFailure_OutcomeUnknown),
            (http.Error_Unauthenticated("x"), types.DeliveryFailure_Misconfigured),
            (http.Error_Denied("x"), types.DeliveryFailure_Misconfigured),
        ):
            with self.subTest(error):
                self.assertIsInstance(self.deliver(error=error)[1], meaning)
