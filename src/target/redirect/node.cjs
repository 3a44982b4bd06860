// Paydrill's `target.redirect = "node"`: whoever speaks TLS to Stripe's API speaks plain HTTP to the double instead.
// The `stripe` package, `https` and `fetch` all open their connections here; no other host is touched.
"use strict";

const net = require("node:net");
const tls = require("node:tls");
const { syncBuiltinESMExports } = require("node:module");

const double = new URL(process.env.PAYDRILL_STRIPE_URL);
const hosts = new Set(process.env.PAYDRILL_STRIPE_HOSTS.split(","));
const { connect } = tls;

tls.connect = function (...args) {
  const options = args.find((arg) => arg !== null && typeof arg === "object") ?? {};
  const host = options.servername || options.host || args.find((arg) => typeof arg === "string");
  if (!hosts.has(host)) return connect.apply(this, args);
  // A connection that somebody made for it, say to a proxy, is not needed.
  options.socket?.destroy();
  const socket = net.connect({ host: double.hostname, port: Number(double.port) });
  // What clients ask of a TLS connection.
  Object.assign(socket, { encrypted: true, authorized: true, alpnProtocol: false });
  socket.getSession = () => undefined;
  socket.isSessionReused = () => false;
  socket.getPeerCertificate = () => ({});
  socket.once("connect", () => socket.emit("secureConnect"));
  const listener = args.at(-1);
  if (typeof listener === "function") socket.once("secureConnect", listener);
  return socket;
};
// `import { connect } from "node:tls"` sees it too.
syncBuiltinESMExports();
