"""An app that is told of events, through the official package for Python: `python hooks.py SETTING.json`.

It is the endpoint itself: what it judges has come over the network. Ends with 0 if everything is as at Stripe.
"""

import json
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import stripe

with open(sys.argv[1]) as file:
    setting = json.load(file)

KEY = "sk_test_paydrill"
stripe.api_key = KEY
stripe.api_base = setting["url"]
stripe.max_network_retries = 0
NEW = stripe.api_version > "2025-03-31"
came = {"/snapshot": queue.Queue(), "/thin": queue.Queue()}


class Endpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        came[self.path].put((body, self.headers["stripe-signature"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
threading.Thread(target=server.serve_forever, daemon=True).start()
here = f"http://127.0.0.1:{server.server_port}"


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def refused(take, what):
    try:
        take()
    except stripe.SignatureVerificationError:
        return
    raise AssertionError(f"what is {what} was taken for genuine")


def judged(parse, body, signature, secret):
    """What `parse` makes of a delivery that has come; it takes no other."""
    taken = parse(body, signature, secret)
    refused(lambda: parse(body.replace(b"false", b"true", 1), signature, secret), "tampered with")
    refused(lambda: parse(body, signature, "whsec_other"), "signed with another secret")
    refused(lambda: parse(body, "", secret), "unsigned")
    time = int(signature.split(",")[0].removeprefix("t="))
    with mock.patch("time.time", return_value=time + 600):
        refused(lambda: parse(body, signature, secret), "stale")
    return taken


def snapshots():
    endpoint = stripe.WebhookEndpoint.create(url=here + "/snapshot", enabled_events=["customer.created"])
    customer = stripe.Customer.create(email="told@example.com", metadata={"told": "yes"})
    body, signature = came["/snapshot"].get(timeout=20)
    event = judged(stripe.Webhook.construct_event, body, signature, endpoint.secret)
    equal((event.type, event.data.object.id), ("customer.created", customer.id))
    equal(stripe.Event.retrieve(event.id).data.object.email, "told@example.com")
    stripe.WebhookEndpoint.delete(endpoint.id)


def search():
    stripe.Customer.create(email="found@example.com", name="Found", metadata={"plan": "pro"})
    found = stripe.Customer.search(query="email:'found@example.com' AND metadata['plan']:'pro'")
    equal([one.name for one in found.auto_paging_iter()], ["Found"])
    equal(stripe.Customer.search(query="email:'nobody@example.com'").data, [])


def test_clock():
    clock = stripe.test_helpers.TestClock.create(frozen_time=1_800_000_000, name="a year")
    customer = stripe.Customer.create(
        test_clock=clock.id,
        payment_method="pm_card_visa",
        invoice_settings={"default_payment_method": "pm_card_visa"},
    )
    price = stripe.Price.create(
        currency="usd", unit_amount=900, recurring={"interval": "month"}, product_data={"name": "Pro"}
    )
    stripe.Subscription.create(customer=customer.id, items=[{"price": price.id}])
    stripe.test_helpers.TestClock.advance(clock.id, frozen_time=1_800_000_000 + 40 * 86_400)
    clock = stripe.test_helpers.TestClock.retrieve(clock.id)
    equal((clock.status, clock.frozen_time), ("ready", 1_800_000_000 + 40 * 86_400))
    listed = stripe.Invoice.list(customer=customer.id, expand=["data.customer"])
    equal([(one.status, one.customer.id) for one in listed.data], [("paid", customer.id)] * 2)


def thin_events():
    client = stripe.StripeClient(KEY, base_addresses={"api": setting["url"]}, max_network_retries=0)
    destination = client.v2.core.event_destinations.create(
        {
            "name": "thin",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": ["v1.customer.created", "v1.customer.updated"],
            "webhook_endpoint": {"url": here + "/thin"},
            "include": ["webhook_endpoint.signing_secret"],
        }
    )
    secret = destination.webhook_endpoint.signing_secret
    pinged = client.v2.core.event_destinations.ping(destination.id)
    ping = judged(client.parse_event_notification, *came["/thin"].get(timeout=20), secret)
    equal((ping.id, ping.fetch_related_object().id), (pinged.id, destination.id))

    customer = client.v1.customers.create({"name": "Ada"})
    told = judged(client.parse_event_notification, *came["/thin"].get(timeout=20), secret)
    equal(type(told).__name__, "V1CustomerCreatedEventNotification")
    equal((told.related_object.id, told.fetch_related_object().name), (customer.id, "Ada"))
    assert told.reason.request.id.startswith("req_"), told
    event = told.fetch_event()
    equal((event.id, event.type, event.fetch_related_object().id), (told.id, told.type, customer.id))
    snapshot = client.v1.events.retrieve(event.snapshot_event)
    equal((snapshot.type, snapshot.data.object.id), ("customer.created", customer.id))

    client.v1.customers.update(customer.id, {"name": "Ada L"})
    event = judged(client.parse_event_notification, *came["/thin"].get(timeout=20), secret).fetch_event()
    equal((event.changes["before"]["name"], event.changes["after"]["name"]), ("Ada", "Ada L"))

    listed = client.v2.core.events.list({"object_id": customer.id, "limit": 1, "types": ["v1.customer.created"]})
    equal([one.type for one in listed.auto_paging_iter()], ["v1.customer.created"])
    listed = client.v2.core.events.list({"object_id": customer.id, "limit": 1})
    equal([one.type for one in listed.auto_paging_iter()], ["v1.customer.updated", "v1.customer.created"])

    client.v2.core.event_destinations.disable(destination.id)
    equal(client.v2.core.event_destinations.retrieve(destination.id).status, "disabled")
    equal(client.v2.core.event_destinations.delete(destination.id).id, destination.id)
    try:
        client.v2.core.event_destinations.retrieve(destination.id)
    except stripe.InvalidRequestError as error:
        equal((error.http_status, error.code), (404, "not_found"))
    else:
        raise AssertionError("a deleted destination was answered")


for part in [snapshots, search, test_clock] + ([thin_events] if NEW else []):
    try:
        part()
    except Exception:
        print(f"{part.__name__}, with {stripe.VERSION}:", file=sys.stderr)
        raise
print("done")
