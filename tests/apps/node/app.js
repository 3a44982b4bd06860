// A small billing app as people write them: Express, the official package `stripe`, and its records in memory.
//
// BUG names one thing that people get wrong with the package; without it the app is right.
"use strict";

const express = require("express");
const Stripe = require("stripe");

const { BUG, PORT, STRIPE_API_BASE, STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET } = process.env;
const base = STRIPE_API_BASE && new URL(STRIPE_API_BASE);
const stripe = new Stripe(STRIPE_API_KEY, base ? { host: base.hostname, port: base.port, protocol: "http" } : {});

// What is for sale, by the lookup key of its price.
const PLANS = {
  basic_monthly: { plan: "basic", features: [] },
  pro_monthly: { plan: "pro", features: ["sso"] },
  team_monthly: { plan: "team", features: ["sso", "audit_log"] },
};
const FREE = { plan: "free", features: [] };
// While Stripe is still trying to collect, the customer keeps what they bought.
const GRANTING = ["active", "trialing", "past_due"];

const customers = new Map();
const record = (id) => customers.get(id) ?? { subscriptions: new Map(), credits: new Map(), receipts: new Set() };

// Reading Stripe's truth and writing it down is one thing: two handlers must not overtake each other in between.
let last = Promise.resolve();
function inTurn(work) {
  const mine = last.then(work);
  last = mine.catch(() => {});
  return mine;
}

/** What a checkout gives, whoever tells of it: the webhook or the success page. */
async function bought(id) {
  const session = await stripe.checkout.sessions.retrieve(id);
  if (session.subscription) return remember(session.subscription);
  if (session.payment_status === "unpaid") return;
  const { credits, receipts } = record(session.customer);
  credits.set(session.id, 100);
  if (session.amount_total > 0) receipts.add(session.id);
}

async function invoiced(type, invoice) {
  // Moved in 2025-03-31.basil; an endpoint may be pinned to an older version.
  const subscription = invoice.parent?.subscription_details?.subscription ?? invoice.subscription;
  if (subscription) await remember(subscription);
  if (type === "invoice.paid" && invoice.amount_paid > 0) record(invoice.customer).receipts.add(invoice.id);
}

/** An event may be late: what is written down is what Stripe says now. */
async function remember(id) {
  const now = await stripe.subscriptions.retrieve(id);
  const item = now.items.data[0];
  record(now.customer).subscriptions.set(now.id, {
    customer: now.customer,
    status: now.status,
    price: item.price.lookup_key,
    plan: (PLANS[item.price.lookup_key] ?? FREE).plan,
    seats: item.quantity,
    renews_at: (BUG === "shape-period-end-moved" ? now : item).current_period_end ?? null,
    latest_invoice: now.latest_invoice,
    created: now.created,
  });
}

/** The subscription that counts: of those that grant, the newest; else the newest. */
function subscription(customer) {
  const all = [...record(customer).subscriptions.values()].sort((a, b) => b.created - a.created);
  return all.find(({ status }) => GRANTING.includes(status)) ?? all[0];
}

const app = express();
// A body that was parsed and printed again is not what Stripe signed.
if (BUG === "net-body-reserialised") app.use(express.json());

app.post("/stripe/webhook", express.raw({ type: "application/json" }), async (request, response) => {
  const body = Buffer.isBuffer(request.body) ? request.body : JSON.stringify(request.body);
  let event;
  try {
    event = stripe.webhooks.constructEvent(body, request.headers["stripe-signature"], STRIPE_WEBHOOK_SECRET);
  } catch {
    return response.sendStatus(400);
  }
  const { livemode, type } = event;
  const { object } = event.data;
  if (livemode || !customers.has(object.customer)) return response.sendStatus(200);
  await inTurn(async () => {
    if (type.startsWith("customer.subscription.")) await remember(object.id);
    else if (type === "checkout.session.completed") await bought(object.id);
    else if (["invoice.paid", "invoice.payment_failed"].includes(type)) await invoiced(type, object);
  });
  response.sendStatus(200);
});

app.post("/signup", express.json(), (request, response) => {
  const { customer } = request.body;
  customers.set(customer, record(customer));
  response.status(201).json({ customer });
});

app.get("/billing/done", async (request, response) => {
  await inTurn(() => bought(request.query.session_id));
  response.send("Thank you.");
});

app.get("/api/billing/:customer", (request, response) => {
  response.json(subscription(request.params.customer) ?? {});
});

app.get("/api/entitlements/:customer", (request, response) => {
  const { customer } = request.params;
  const found = subscription(customer);
  const active = GRANTING.includes(found?.status);
  const { plan, features } = (active && PLANS[found.price]) || FREE;
  const credits = [...record(customer).credits.values()].reduce((sum, amount) => sum + amount, 0);
  response.json({ active, plan, features, seats: active ? found.seats : 0, credits });
});

app.get("/api/outbox/:customer", (request, response) => {
  response.json([...record(request.params.customer).receipts]);
});

app.get("/healthz", (request, response) => response.send("ok"));

app.listen(Number(PORT), "127.0.0.1");
