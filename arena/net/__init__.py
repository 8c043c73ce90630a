"""Calls to addresses that people typed: where they may go (`rules`), through which proxy (`proxy`), whom they trust
(`tls`), how long they may take (`deadlines`), and the clients that keep to it: for one call (`client`) and for many at
once (`many`).

with open_client() as http, Deadline(total_s=15).applied():
    http.post("https://receiver.example/hook", json={})     # OutboundRefused, or httpx's own errors

Import from the module that has the name: pages check addresses without loading httpx.
"""
