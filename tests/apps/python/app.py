"""A small billing app as people write them: Flask, the official package `stripe`, SQLite.

BUG names one thing that people get wrong with the package; without it the app is right.
"""

import os
import sqlite3
import threading

import flask
import stripe

BUG = os.environ.get("BUG")
DATABASE = os.path.join(os.environ["DATA_DIR"], "app.db")
WEBHOOK_SECRET = os.environ["STRIPE_WEBHOOK_SECRET"]
stripe.api_key = os.environ["STRIPE_API_KEY"]
stripe.api_base = os.environ.get("STRIPE_API_BASE", stripe.api_base)

# What is for sale, by the lookup key of its price.
PLANS = {
    "basic_monthly": ("basic", []),
    "pro_monthly": ("pro", ["sso"]),
    "team_monthly": ("team", ["sso", "audit_log"]),
}
# While Stripe is still trying to collect, the customer keeps what they bought.
GRANTING = ("active", "trialing", "past_due")
SCHEMA = """
CREATE TABLE customers (id TEXT PRIMARY KEY, email TEXT NOT NULL);
CREATE TABLE subscriptions (id TEXT PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL, price TEXT NOT NULL,
    seats INTEGER NOT NULL, renews_at INTEGER, latest_invoice TEXT, created INTEGER NOT NULL);
CREATE TABLE credits (session TEXT PRIMARY KEY, customer TEXT NOT NULL, amount INTEGER NOT NULL);
CREATE TABLE receipts (fact TEXT PRIMARY KEY, customer TEXT NOT NULL);
"""

app = flask.Flask(__name__)
# Reading Stripe's truth and writing it down is one thing: two handlers must not overtake each other in between.
turn = threading.Lock()


def database():
    if "database" not in flask.g:
        flask.g.database = sqlite3.connect(DATABASE, timeout=20)
        flask.g.database.row_factory = sqlite3.Row
    return flask.g.database


@app.teardown_appcontext
def close(_):
    if "database" in flask.g:
        flask.g.pop("database").close()


def write(statement, *values):
    with database() as transaction:
        return transaction.execute(statement, values).rowcount


def rows(statement, *values):
    return database().execute(statement, values).fetchall()


@app.post("/signup")
def signup():
    person = flask.request.get_json()
    write("INSERT OR IGNORE INTO customers VALUES (?, ?)", person["customer"], person["email"])
    return flask.jsonify(customer=person["customer"]), 201


@app.post("/stripe/webhook")
def webhook():
    signature = flask.request.headers.get("Stripe-Signature", "")
    try:
        event = stripe.Webhook.construct_event(flask.request.get_data(), signature, WEBHOOK_SECRET)
    except (ValueError, stripe.SignatureVerificationError):
        return "", 400
    kind = event.get("type") if BUG == "shape-sdk-object-not-dict" else event.type
    found = event.data.object
    if event.livemode or not known(getattr(found, "customer", None)):
        return "", 200
    with turn:
        if kind.startswith("customer.subscription."):
            remember(found.id)
        elif kind == "checkout.session.completed":
            bought(stripe.checkout.Session.retrieve(found.id))
        elif kind in ("invoice.paid", "invoice.payment_failed"):
            invoiced(kind, found)
    return "", 200


def known(customer):
    return bool(customer and rows("SELECT 1 FROM customers WHERE id = ?", customer))


def bought(session):
    """What a checkout gives, whoever tells of it: the webhook or the success page."""
    if session.subscription:
        remember(session.subscription)
    elif session.payment_status != "unpaid":
        write("INSERT OR IGNORE INTO credits VALUES (?, ?, 100)", session.id, session.customer)
        if session.amount_total > 0:
            write("INSERT OR IGNORE INTO receipts VALUES (?, ?)", session.id, session.customer)


def invoiced(kind, invoice):
    if subscription := subscription_of(invoice):
        remember(subscription)
    if kind == "invoice.paid" and invoice.amount_paid > 0:
        write("INSERT OR IGNORE INTO receipts VALUES (?, ?)", invoice.id, invoice.customer)


def subscription_of(invoice):
    """Moved in 2025-03-31.basil; an endpoint may be pinned to an older version."""
    parent = getattr(invoice, "parent", None)
    details = parent and parent.subscription_details
    return details.subscription if details else getattr(invoice, "subscription", None)


def remember(id):
    """An event may be late: what is written down is what Stripe says now."""
    now = stripe.Subscription.retrieve(id)
    item = now["items"].data[0]
    ends = getattr(now, "current_period_end", None) if BUG == "shape-period-end-moved" else item.current_period_end
    write(
        "INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(now.id, now.customer, now.status, item.price.lookup_key, item.quantity, ends, now.latest_invoice, now.created),
    )


@app.get("/billing/done")
def done():
    with turn:
        bought(stripe.checkout.Session.retrieve(flask.request.args["session_id"]))
    return "Thank you."


def subscription(customer):
    """The one that counts: of those that grant, the newest; else the newest."""
    all = rows("SELECT * FROM subscriptions WHERE customer = ? ORDER BY created DESC, rowid DESC", customer)
    return next((row for row in all if row["status"] in GRANTING), all[0] if all else None)


@app.get("/api/billing/<customer>")
def billing(customer):
    row = subscription(customer)
    return flask.jsonify({**row, "plan": PLANS.get(row["price"], ("free", []))[0]} if row else {})


@app.get("/api/entitlements/<customer>")
def entitlements(customer):
    row = subscription(customer)
    active = bool(row and row["status"] in GRANTING)
    plan, features = PLANS.get(row["price"], ("free", [])) if active else ("free", [])
    credits = rows("SELECT coalesce(sum(amount), 0) AS sum FROM credits WHERE customer = ?", customer)[0]["sum"]
    seats = row["seats"] if active else 0
    return flask.jsonify(active=active, plan=plan, seats=seats, features=features, credits=credits)


@app.get("/api/outbox/<customer>")
def outbox(customer):
    return flask.jsonify([dict(row) for row in rows("SELECT fact FROM receipts WHERE customer = ?", customer)])


@app.get("/healthz")
def healthz():
    return "ok"


if __name__ == "__main__":
    if not os.path.exists(DATABASE):
        sqlite3.connect(DATABASE).executescript(SCHEMA).close()
    app.run(port=int(os.environ["PORT"]), threaded=True)
