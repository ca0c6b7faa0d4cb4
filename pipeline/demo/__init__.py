"""The demo: sample feeds written for this project, served on loopback, so that a first look needs no network."""

from pipeline.demo.server import DemoServer, demo_config

__all__ = ["DemoServer", "demo_config"]
