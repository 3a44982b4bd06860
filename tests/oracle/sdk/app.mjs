// An app that bills through the official package for Node: `node app.mjs SETTING.json`.
//
// Ends with 0 if everything is as it would be at Stripe; SETTING.json says where the double is and what was delivered.
import assert from "node:assert/strict";
import fs from "node:fs";
import Stripe from "stripe";

const setting = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const { hostname: host, port } = new URL(setting.url);
const at = { host, port, protocol: "http", maxNetworkRetries: 0, telemetry: false };
const stripe = new Stripe("sk_test_paydrill", at);
const NEW = Stripe.PACKAGE_VERSION > "18";

/** The error that `call` ends with, which has these fields. */
async function refused(type, call, expected) {
  const error = await call().then(
    () => assert.fail(`no ${type}`),
    (error) => error,
  );
  assert.equal(error.type, type, String(error));
  for (const [field, value] of Object.entries(expected)) assert.equal(error[field], value, `${field} of ${error}`);
  assert.match(error.requestId, /^req_/);
  return error;
}

async function customers() {
  const made = await stripe.customers.create({ email: "ada@example.com", name: "Ada", metadata: { user: "7" } });
  assert.deepEqual([made.object, made.name, { ...made.metadata }], ["customer", "Ada", { user: "7" }]);
  const changed = await stripe.customers.update(made.id, { name: "Ada L", metadata: { user: "", plan: "pro" } });
  assert.deepEqual([changed.name, { ...changed.metadata }], ["Ada L", { plan: "pro" }]);
  assert.equal((await stripe.customers.retrieve(made.id)).name, "Ada L");
  assert.equal((await stripe.customers.del(made.id)).deleted, true);
  assert.equal((await stripe.customers.retrieve(made.id)).deleted, true);
}

async function pages() {
  const made = [];
  for (let at = 0; at < 105; at++) made.push((await stripe.customers.create({ email: `page-${at}@example.com` })).id);
  const listed = [];
  for await (const one of stripe.customers.list({ limit: 100 })) listed.push(one.id);
  assert.deepEqual(listed.filter((id) => made.includes(id)), made.toReversed());
  assert.equal(new Set(listed).size, listed.length);
  const first = await stripe.customers.list({ limit: 3 });
  assert.deepEqual([first.data.length, first.has_more, first.data[0].id], [3, true, made.at(-1)]);
  const few = await stripe.customers.list({ limit: 2 }).autoPagingToArray({ limit: 5 });
  assert.deepEqual(few.map((one) => one.id), made.slice(-5).reverse());
}

async function keys() {
  const once = () => stripe.customers.create({ email: "once@example.com" }, { idempotencyKey: "key-1" });
  assert.equal((await once()).id, (await once()).id);
  const other = () => stripe.customers.create({ email: "other@example.com" }, { idempotencyKey: "key-1" });
  await refused("StripeIdempotencyError", other, { statusCode: 400 });
}

async function errors() {
  const invalid = "StripeInvalidRequestError";
  const missing = { code: "resource_missing", param: "id", statusCode: 404 };
  await refused(invalid, () => stripe.customers.retrieve("cus_none"), missing);
  const unknown = { code: "parameter_unknown", param: "colour", statusCode: 400 };
  await refused(invalid, () => stripe.customers.create({ colour: "red" }), unknown);
  const needed = { code: "parameter_missing", param: "customer", statusCode: 400 };
  await refused(invalid, () => stripe.subscriptions.create({ items: [] }), needed);
  const stranger = new Stripe("nonsense", at);
  await refused("StripeAuthenticationError", () => stranger.customers.list(), { statusCode: 401 });
  await refused(invalid, () => stripe.customers.list({}, { apiVersion: "2024-06-21" }), { statusCode: 400 });
  const limited = () => stripe.customers.retrieve(setting.customer);
  const error = await refused("StripeRateLimitError", limited, { statusCode: 429 });
  assert.equal(error.headers["retry-after"], "1");
  // The package tries again by itself, with one idempotency key.
  const again = await stripe.customers.update(setting.customer, { description: "twice" }, { maxNetworkRetries: 2 });
  assert.equal(again.description, "twice");
}

async function subscriptions() {
  const customer = await stripe.customers.create({ email: "grace@example.com" });
  const buy = { customer: customer.id, items: [{ price: setting.price, quantity: 2 }] };
  const poor = { code: "resource_missing", statusCode: 400 };
  await refused("StripeInvalidRequestError", () => stripe.subscriptions.create(buy), poor);
  const card = { default_payment_method: "pm_card_chargeCustomerFail", payment_behavior: "error_if_incomplete" };
  const declined = { code: "card_declined", decline_code: "generic_decline", statusCode: 402 };
  await refused("StripeCardError", () => stripe.subscriptions.create({ ...buy, ...card }), declined);
  const visa = { payment_method: "pm_card_visa", invoice_settings: { default_payment_method: "pm_card_visa" } };
  await stripe.customers.update(customer.id, visa);
  const made = await stripe.subscriptions.create({ ...buy, expand: ["latest_invoice", "customer"] });
  const item = made.items.data[0];
  assert.deepEqual([made.status, item.quantity, item.price.id], ["active", 2, setting.price]);
  assert.deepEqual([made.customer.email, made.latest_invoice.status], ["grace@example.com", "paid"]);
  assert.ok((NEW ? item : made).current_period_end > made.created);
  if (NEW) {
    assert.equal(made.latest_invoice.parent.subscription_details.subscription, made.id);
  } else {
    const invoice = await stripe.invoices.retrieve(made.latest_invoice.id, { expand: ["payment_intent"] });
    assert.deepEqual([invoice.subscription, invoice.paid, invoice.payment_intent.status], [made.id, true, "succeeded"]);
  }
  const more = { items: [{ id: item.id, quantity: 3 }], proration_behavior: "none" };
  assert.equal((await stripe.subscriptions.update(made.id, more)).items.data[0].quantity, 3);
  const listed = await stripe.subscriptions.list({ customer: customer.id, expand: ["data.customer"] });
  assert.equal(listed.data[0].customer.id, customer.id);
  assert.equal((await stripe.subscriptions.cancel(made.id)).status, "canceled");
  const late = () => stripe.subscriptions.update(made.id, { cancel_at_period_end: true });
  await refused("StripeInvalidRequestError", late, { statusCode: 400 });
  const events = await stripe.events.list({ type: "customer.subscription.deleted" });
  assert.equal(events.data[0].data.object.id, made.id);
}

async function checkout() {
  const session = await stripe.checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price: setting.price, quantity: 1 }],
    success_url: "https://example.com/done?session_id={CHECKOUT_SESSION_ID}",
    client_reference_id: "user-7",
  });
  assert.deepEqual([session.status, session.ui_mode], ["open", NEW ? "hosted_page" : "hosted"]);
  const lines = await stripe.checkout.sessions.listLineItems(session.id);
  assert.deepEqual([lines.data[0].object, lines.data[0].price.id], ["item", setting.price]);
  assert.equal((await stripe.checkout.sessions.expire(session.id)).status, "expired");
}

async function deliveries() {
  for (const [name, { body, signature }] of Object.entries(setting.deliveries)) {
    const take = () => stripe.webhooks.constructEvent(body, signature, setting.secret);
    if (name.startsWith("genuine")) {
      assert.deepEqual({ ...take() }.id, JSON.parse(body).id);
    } else {
      assert.throws(take, { type: "StripeSignatureVerificationError" }, name);
    }
  }
}

for (const part of [customers, pages, keys, errors, subscriptions, checkout, deliveries]) {
  await part().catch((error) => {
    console.error(`${part.name}, with ${Stripe.PACKAGE_VERSION}:`);
    throw error;
  });
}
console.log("done");
