"""The connectors that come with Headwater, one module or package each; `headwater.connect.plugins` finds them by
listing."""
