// An app that is told of events, through the official package for Node: `node hooks.mjs SETTING.json`.
//
// It is the endpoint itself: what it judges has come over the network. Ends with 0 if everything is as at Stripe.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import Stripe from "stripe";

const setting = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const { hostname: host, port } = new URL(setting.url);
const stripe = new Stripe("sk_test_paydrill", { host, port, protocol: "http", maxNetworkRetries: 0, telemetry: false });
const NEW = Number(Stripe.PACKAGE_VERSION.split(".")[0]) > 18;

const came = { "/snapshot": [], "/thin": [] };
const waiting = { "/snapshot": [], "/thin": [] };
const server = http.createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const delivery = { body: Buffer.concat(parts), signature: request.headers["stripe-signature"] };
  const waits = waiting[request.url].shift();
  if (waits) waits(delivery);
  else came[request.url].push(delivery);
  response.end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const here = `http://127.0.0.1:${server.address().port}`;
const next = (path) => came[path].shift() ?? new Promise((resolve) => waiting[path].push(resolve));

/** What `parse` makes of a delivery that has come; it takes no other. */
function judged(parse, { body, signature }, secret) {
  const taken = parse(body, signature, secret);
  const wrong = { type: "StripeSignatureVerificationError" };
  const tampered = Buffer.from(body.toString().replace("false", "true"));
  assert.throws(() => parse(tampered, signature, secret), wrong, "tampered with");
  assert.throws(() => parse(body, signature, "whsec_other"), wrong, "signed with another secret");
  assert.throws(() => parse(body, "", secret), wrong, "unsigned");
  const later = Number(/t=(\d+)/.exec(signature)[1]) + 600;
  assert.throws(() => parse(body, signature, secret, 300, undefined, later * 1000), wrong, "stale");
  return taken;
}

async function snapshots() {
  const wanted = { url: `${here}/snapshot`, enabled_events: ["customer.created"] };
  const endpoint = await stripe.webhookEndpoints.create(wanted);
  const customer = await stripe.customers.create({ email: "told@example.com" });
  const parse = stripe.webhooks.constructEvent.bind(stripe.webhooks);
  const event = judged(parse, await next("/snapshot"), endpoint.secret);
  assert.deepEqual([event.type, event.data.object.id], ["customer.created", customer.id]);
  assert.equal((await stripe.events.retrieve(event.id)).data.object.email, "told@example.com");
  await stripe.webhookEndpoints.del(endpoint.id);
}

async function search() {
  await stripe.customers.create({ email: "found@example.com", name: "Found", metadata: { plan: "pro" } });
  const query = "email:'found@example.com' AND metadata['plan']:'pro'";
  const found = await stripe.customers.search({ query }).autoPagingToArray({ limit: 10 });
  assert.deepEqual(found.map((one) => one.name), ["Found"]);
}

async function testClock() {
  const clocks = stripe.testHelpers.testClocks;
  const start = 1_800_000_000;
  const clock = await clocks.create({ frozen_time: start });
  const visa = { payment_method: "pm_card_visa", invoice_settings: { default_payment_method: "pm_card_visa" } };
  const customer = await stripe.customers.create({ test_clock: clock.id, ...visa });
  const recurring = { interval: "month" };
  const price = await stripe.prices.create({ currency: "usd", unit_amount: 900, recurring, product_data: { name: "Pro" } });
  await stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }] });
  await clocks.advance(clock.id, { frozen_time: start + 40 * 86_400 });
  assert.equal((await clocks.retrieve(clock.id)).status, "ready");
  const listed = await stripe.invoices.list({ customer: customer.id, expand: ["data.customer"] });
  const expected = [["paid", customer.id], ["paid", customer.id]];
  assert.deepEqual(listed.data.map((one) => [one.status, one.customer.id]), expected);
}

async function thinEvents() {
  const { eventDestinations, events } = stripe.v2.core;
  const destination = await eventDestinations.create({
    name: "thin",
    type: "webhook_endpoint",
    event_payload: "thin",
    enabled_events: ["v1.customer.created", "v1.customer.updated"],
    webhook_endpoint: { url: `${here}/thin` },
    include: ["webhook_endpoint.signing_secret"],
  });
  const secret = destination.webhook_endpoint.signing_secret;
  const parse = stripe.parseEventNotification.bind(stripe);
  const pinged = await eventDestinations.ping(destination.id);
  assert.equal(judged(parse, await next("/thin"), secret).id, pinged.id);

  const customer = await stripe.customers.create({ name: "Ada" });
  const told = judged(parse, await next("/thin"), secret);
  assert.deepEqual([told.type, told.related_object.id], ["v1.customer.created", customer.id]);
  assert.equal((await told.fetchRelatedObject()).name, "Ada");
  const event = await told.fetchEvent();
  assert.equal(event.id, told.id);
  const snapshot = await stripe.events.retrieve(event.snapshot_event);
  assert.deepEqual([snapshot.type, snapshot.data.object.id], ["customer.created", customer.id]);

  await stripe.customers.update(customer.id, { name: "Ada L" });
  const { changes } = await judged(parse, await next("/thin"), secret).fetchEvent();
  assert.deepEqual([changes.before.name, changes.after.name], ["Ada", "Ada L"]);

  const types = [];
  for await (const one of events.list({ object_id: customer.id, limit: 1 })) types.push(one.type);
  assert.deepEqual(types, ["v1.customer.updated", "v1.customer.created"]);
  await eventDestinations.disable(destination.id);
  assert.equal((await eventDestinations.retrieve(destination.id)).status, "disabled");
  assert.equal((await eventDestinations.del(destination.id)).id, destination.id);
  const gone = { statusCode: 404, code: "not_found" };
  await assert.rejects(() => eventDestinations.retrieve(destination.id), gone);
}

for (const part of [snapshots, search, testClock, ...(NEW ? [thinEvents] : [])]) {
  await part().catch((error) => {
    console.error(`${part.name}, with ${Stripe.PACKAGE_VERSION}:`);
    throw error;
  });
}
server.close();
console.log("done");
