"""A demonstration: five NATS services whose traces hold together because of the plugin."""
