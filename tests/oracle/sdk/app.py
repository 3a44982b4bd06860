"""An app that bills through the official package for Python: `python app.py SETTING.json`.

Ends with 0 if everything is as it would be at Stripe; `SETTING.json` says where the double is and what was delivered.
"""

import json
import sys

import stripe

with open(sys.argv[1]) as file:
    setting = json.load(file)

stripe.api_key = "sk_test_paydrill"
stripe.api_base = setting["url"]
stripe.max_network_retries = 0
NEW = stripe.api_version > "2025-03-31"


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def refused(error, call, **expected):
    """The error that `call` ends with, which has these fields."""
    try:
        call()
    except stripe.StripeError as raised:
        equal(type(raised).__name__, error)
        for field, value in expected.items():
            equal(getattr(raised, field), value)
        assert raised.request_id.startswith("req_"), raised.request_id
        return raised
    raise AssertionError(f"no {error}")


def customers():
    made = stripe.Customer.create(email="ada@example.com", name="Ada", metadata={"user": "7"})
    equal((made.object, made.name, made.metadata["user"]), ("customer", "Ada", "7"))
    changed = stripe.Customer.modify(made.id, name="Ada L", metadata={"user": "", "plan": "pro"})
    equal((changed.name, "user" in changed.metadata, changed.metadata["plan"]), ("Ada L", False, "pro"))
    equal(stripe.Customer.retrieve(made.id).name, "Ada L")
    gone = stripe.Customer.delete(made.id)
    equal((gone.deleted, gone.id), (True, made.id))
    equal(stripe.Customer.retrieve(made.id).deleted, True)


def pages():
    made = [stripe.Customer.create(email=f"page-{at}@example.com").id for at in range(105)]
    listed = [one.id for one in stripe.Customer.list(limit=100).auto_paging_iter()]
    equal([id for id in listed if id in made], list(reversed(made)))
    equal(len(set(listed)), len(listed))
    first = stripe.Customer.list(limit=3)
    equal((len(first.data), first.has_more, first.data[0].id), (3, True, made[-1]))
    after = first.next_page()
    equal(after.data[0].id, made[-4])
    equal(stripe.Customer.list(email="page-7@example.com").data[0].id, made[7])


def keys():
    again = [stripe.Customer.create(email="once@example.com", idempotency_key="key-1") for _ in range(2)]
    equal(again[0].id, again[1].id)
    refused(
        "IdempotencyError",
        lambda: stripe.Customer.create(email="other@example.com", idempotency_key="key-1"),
        http_status=400,
    )


def errors():
    refused("InvalidRequestError", lambda: stripe.Customer.retrieve("cus_none"), code="resource_missing", param="id", http_status=404)
    refused("InvalidRequestError", lambda: stripe.Customer.create(colour="red"), code="parameter_unknown", param="colour", http_status=400)
    refused("InvalidRequestError", lambda: stripe.Subscription.create(items=[]), code="parameter_missing", param="customer", http_status=400)
    refused("AuthenticationError", lambda: stripe.Customer.list(api_key="nonsense"), http_status=401)
    refused("InvalidRequestError", lambda: stripe.Customer.list(stripe_version="2024-06-21"), http_status=400)
    limited = refused("RateLimitError", lambda: stripe.Customer.retrieve(setting["customer"]), http_status=429)
    equal(limited.headers.get("retry-after") or limited.headers.get("Retry-After"), "1")
    # The package tries again by itself, with one idempotency key.
    stripe.max_network_retries = 2
    equal(stripe.Customer.modify(setting["customer"], description="tried twice").description, "tried twice")
    stripe.max_network_retries = 0


def subscriptions():
    customer = stripe.Customer.create(email="grace@example.com")
    buy = {"customer": customer.id, "items": [{"price": setting["price"], "quantity": 2}]}
    refused("InvalidRequestError", lambda: stripe.Subscription.create(**buy), code="resource_missing", http_status=400)
    declined = refused(
        "CardError",
        lambda: stripe.Subscription.create(
            default_payment_method="pm_card_chargeCustomerFail", payment_behavior="error_if_incomplete", **buy
        ),
        code="card_declined",
        http_status=402,
    )
    equal(declined.error.decline_code, "generic_decline")
    stripe.Customer.modify(
        customer.id, payment_method="pm_card_visa", invoice_settings={"default_payment_method": "pm_card_visa"}
    )
    made = stripe.Subscription.create(expand=["latest_invoice", "customer"], **buy)
    item = made["items"].data[0]
    equal((made.status, item.quantity, item.price.id), ("active", 2, setting["price"]))
    equal((made.customer.email, made.latest_invoice.status), ("grace@example.com", "paid"))
    end = item.current_period_end if NEW else made.current_period_end
    assert end > made.created, (end, made.created)
    paid = made.latest_invoice if NEW else stripe.Invoice.retrieve(made.latest_invoice.id, expand=["payment_intent"])
    if NEW:
        equal(paid.parent.subscription_details.subscription, made.id)
        equal(paid.lines.data[0].pricing.price_details.price, setting["price"])
    else:
        equal((paid.subscription, paid.paid, paid.payment_intent.status), (made.id, True, "succeeded"))
        equal(paid.lines.data[0].price.id, setting["price"])
    changed = stripe.Subscription.modify(
        made.id, items=[{"id": item.id, "quantity": 3}], proration_behavior="none", metadata={"seats": "3"}
    )
    equal((changed["items"].data[0].quantity, changed.metadata["seats"]), (3, "3"))
    listed = stripe.Subscription.list(customer=customer.id, expand=["data.customer", "data.latest_invoice"])
    equal((listed.data[0].customer.id, listed.data[0].latest_invoice.id), (customer.id, made.latest_invoice.id))
    equal(stripe.Subscription.modify(made.id, cancel_at_period_end=True).cancel_at_period_end, True)
    equal(stripe.Subscription.cancel(made.id).status, "canceled")
    refused("InvalidRequestError", lambda: stripe.Subscription.modify(made.id, cancel_at_period_end=False), http_status=400)
    equal(stripe.Subscription.list(customer=customer.id).data, [])
    equal(stripe.Subscription.list(customer=customer.id, status="all").data[0].id, made.id)
    kinds = [event.type for event in stripe.Event.list(limit=100).auto_paging_iter()]
    assert "customer.subscription.deleted" in kinds, kinds[:20]
    updated = next(
        event for event in stripe.Event.list(type="customer.subscription.updated").data if event.data.object.id == made.id
    )
    assert updated.data.previous_attributes is not None


def checkout():
    session = stripe.checkout.Session.create(
        mode="subscription",
        line_items=[{"price": setting["price"], "quantity": 1}],
        success_url="https://example.com/done?session_id={CHECKOUT_SESSION_ID}",
        client_reference_id="user-7",
    )
    equal((session.status, session.client_reference_id), ("open", "user-7"))
    equal(session.ui_mode, "hosted_page" if NEW else "hosted")
    assert session.url.startswith("https://"), session.url
    lines = stripe.checkout.Session.list_line_items(session.id)
    equal((lines.data[0].object, lines.data[0].price.id), ("item", setting["price"]))
    equal(stripe.checkout.Session.expire(session.id).status, "expired")


def catalog():
    product = stripe.Product.create(name="Seats")
    price = stripe.Price.create(
        product=product.id, currency="eur", unit_amount=1200, recurring={"interval": "year"}, lookup_key="seats"
    )
    equal((price.recurring.interval, str(price.unit_amount_decimal)), ("year", "1200"))
    found = stripe.Price.list(lookup_keys=["seats"], expand=["data.product"])
    equal((found.data[0].id, found.data[0].product.name), (price.id, "Seats"))


def deliveries():
    for name, delivery in setting["deliveries"].items():
        take = lambda: stripe.Webhook.construct_event(delivery["body"], delivery["signature"], setting["secret"])
        if name.startswith("genuine"):
            event = take()
            equal((event.object, event.id), ("event", json.loads(delivery["body"])["id"]))
            assert event.type and event.data.object.object
        else:
            try:
                take()
            except stripe.SignatureVerificationError:
                continue
            raise AssertionError(f"{name} was taken for genuine")


for part in [customers, pages, keys, errors, subscriptions, checkout, catalog, deliveries]:
    try:
        part()
    except Exception:
        print(f"{part.__name__}, with {stripe.VERSION}:", file=sys.stderr)
        raise
print("done")
