"""A server with two accounts: one has JetStream, the other imports it under a prefix."""

ACCOUNTS = """
accounts {
  SERVICE {
    jetstream: enabled
    users: [{ user: service, password: x }]
    exports: [
      { service: "$JS.API.>", response_type: stream }
      { service: "$JS.ACK.>", response_type: stream }
      { stream: "deliver.>" }
      { service: "orders.>" }
    ]
  }
  APP {
    users: [{ user: app, password: x }]
    imports: [
      { service: { account: SERVICE, subject: "$JS.API.>" }, to: "acme.js.>" }
      { service: { account: SERVICE, subject: "$JS.ACK.>" } }
      { stream: { account: SERVICE, subject: "deliver.>" } }
      { service: { account: SERVICE, subject: "orders.>" } }
    ]
  }
}
"""
