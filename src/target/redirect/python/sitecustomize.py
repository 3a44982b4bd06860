"""Paydrill's `target.redirect`: the official package `stripe` asks the double, with whatever HTTP client.

Python imports this module when it starts. With `"python"` the package is led to the double's own address, and what
calls Stripe past the package is refused, and never reaches Stripe. With `"proxy"` every address stays, and the package,
which trusts only certificates that it brings along, is shown those of the run.
"""

import importlib.machinery
import importlib.util
import os
import socket
import sys

CERTIFICATES = os.environ.get("PAYDRILL_STRIPE_CA")
DOUBLE = os.environ.get("PAYDRILL_STRIPE_URL")
HOSTS = os.environ.get("PAYDRILL_STRIPE_HOSTS", "").split(",")
STRIPE = {f"https://{host}" for host in HOSTS}


def lead(package):
    """Wherever the package keeps an address of Stripe, it is the double's; or it trusts the double as Stripe."""
    if CERTIFICATES:
        package.ca_bundle_path = CERTIFICATES
        return
    for name, module in list(sys.modules.items()):
        if name == "stripe" or name.startswith("stripe."):
            for key, value in list(vars(module).items()):
                if isinstance(value, str) and value in STRIPE:
                    setattr(module, key, DOUBLE)


class Finder:
    """Finds `stripe` as Python does; when the package has been loaded, it is led."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target) if name == "stripe" else None
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                lead(module)

            spec.loader.exec_module = exec_module
        return spec


def guarded(getaddrinfo):
    """No other way leads to Stripe."""

    def guard(host, *args, **kwargs):
        if (host.decode("ascii", "replace") if isinstance(host, bytes) else host) in HOSTS:
            raise socket.gaierror(socket.EAI_FAIL, f"paydrill leads only the package `stripe` to the double, not {host}")
        return getaddrinfo(host, *args, **kwargs)

    return guard


def customize_as_before():
    """Runs the `sitecustomize` that this one stands before, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


sys.meta_path.insert(0, Finder)
if not CERTIFICATES:
    socket.getaddrinfo = guarded(socket.getaddrinfo)
customize_as_before()
