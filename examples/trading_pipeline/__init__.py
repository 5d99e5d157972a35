"""A demonstration: six NATS services whose traces hold together because of the plugin."""
